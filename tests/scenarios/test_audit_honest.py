"""The audit finds every record of the engine sound."""

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing import generate_key
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.environment import Authorization, Environment, FixedLock
from engine.domain.errors import PromotionError
from engine.domain.overrides import Overrides
from engine.domain.request import RestoreRequest
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.audited import audit, messages, stranger_audit
from tests.scenarios.changing import stage_on
from tests.scenarios.engines import (
    ALICE,
    BOB,
    TRACE_ID,
    ProgressLog,
    TickingClock,
    engine_on,
    path_of,
    promote,
)
from tests.scenarios.verbs import artifact, lock, roll_back, unlock
from tests.tlog.logged import logging_engine

pytestmark = pytest.mark.requirement("FR-026")
Act = tuple[str, ...]
VERSIONS = ("v1.0.0", "v1.1.0", "v2.0.0-rc.1", "v2.0.0")
TARGETS = ("dev", "staging", "prod")
PATHS = {
    "plain": path_of("dev", "staging", "prod"),
    "duties": path_of(
        "dev", "staging", Environment("prod", authorization=Authorization(None, None, True))
    ),
    "frozen": path_of("dev", "staging", Environment("prod", fixed_lock=FixedLock("audit", "eve"))),
    "shorter": path_of("dev", "prod"),
}
target, version = st.sampled_from(TARGETS), st.sampled_from(VERSIONS)
ACTS = st.one_of(
    st.tuples(st.just("promote"), version, target, st.sampled_from(("alice", "bob"))),
    st.tuples(st.just("promote"), version, target, st.sampled_from(("alice", "bob"))),
    st.tuples(st.just("override"), version, target),
    st.tuples(st.just("roll back"), version, target),
    st.tuples(st.just("lock"), target, st.sampled_from(("", "2h"))),
    st.tuples(st.just("unlock"), target),
    st.tuples(st.just("move latest and restore"), version, target),
    st.tuples(st.just("wait"), st.sampled_from(("1", "61", "300"))),
    st.tuples(st.just("edit"), st.sampled_from(tuple(PATHS))),
)


def carry_out(engine: Engine, clock: TickingClock, act: Act) -> None:
    """Carry out `act`; one that a rule refuses changes nothing."""
    match act:
        case ("promote", name, place, who):
            promote(engine, name, place, ALICE if who == "alice" else BOB)
        case ("override", name, place):
            overrides = Overrides(allow_older=True, override_rollback=True, reason="INC-7")
            promote(engine, name, place, ALICE, overrides)
        case ("roll back", name, place):
            roll_back(engine, name, place)
        case ("lock", place, duration):
            lock(engine, place, duration=duration or None)
        case ("unlock", place):
            unlock(engine, place)
        case ("move latest and restore", name, place):
            registry = engine.runner.registry
            found = registry.fetch(Tag(f"{name}-dev"))
            assert found is not None
            registry.put(found, Tag(f"latest-{place}"))
            engine.run(RestoreRequest(place, ALICE, TRACE_ID, "INC-8"), ProgressLog())
        case ("wait", minutes):
            clock.time += timedelta(minutes=int(minutes))


@given(acts=st.lists(ACTS, min_size=4, max_size=24))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_records_of_the_engine_follow_its_rules(acts: list[Act]) -> None:
    clock, signer = TickingClock(), generate_key("ed25519")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "registry")
        registry = LayoutRegistry.create(root)
        for name in VERSIONS:
            oci_layout.write(root, artifact(name), name)
            oci_layout.write(root, artifact(name), f"{name}-dev")
        path = PATHS["plain"]
        for number, act in enumerate(acts):
            path = PATHS[act[1]] if act[0] == "edit" else path
            with engine_on(registry, Path(folder), path, clock=clock) as engine:
                with suppress(PromotionError):
                    carry_out(engine, clock, act)
                if number == len(acts) // 2:
                    logging_engine(engine, signer).make_checkpoints()

        with engine_on(registry, Path(folder), clock=clock) as engine:
            for auditor in (engine, logging_engine(engine, signer)):
                for name in TARGETS:
                    assert broken_rules(auditor, name) == []


def broken_rules(engine: Engine, environment: str) -> list[str]:
    """The problems of an audit, without those on the tags that an act moved."""
    found = stranger_audit(engine, environment).problems
    return [each.message for each in found if each.kind.value not in ("moved", "unrecorded")]


def test_approved_changes_are_sound(place: Place, tmp_path: Path) -> None:
    with stage_on(place, tmp_path) as stage:
        for version in ("v1.0.0", "v1.1.0"):
            place.push(artifact(version), f"{version}-dev")
            change = stage.ask(version)
            stage.settle(stage.approve(change, "bob"))

        found = audit(stage.engine)

    assert found.sound, messages(found)
    assert found.entries == 2
