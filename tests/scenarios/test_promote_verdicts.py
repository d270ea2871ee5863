"""A dry run with gates predicts the result of the real run in every state (FR-007)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from engine.adapters.policy import compile_policies
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.config.plugins import Policy
from engine.domain.environment import Authorization, Environment
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.result import Ending
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.engines import (
    ProgressLog,
    engine_on,
    gate,
    path_of,
    person,
    promote,
    promotion,
    with_parts,
)
from tests.scenarios.verbs import lock

ALLOWED = frozenset({"developers"})
HAS_SOURCE = Policy(
    name="has-source",
    rule="'org.opencontainers.image.source' in artifact.annotations",
    message="say where it comes from",
)
PEOPLE = {
    "developer": person("dev@acme.com", "developers"),
    "another developer": person("dev2@acme.com", "developers"),
    "stranger": person("stranger@acme.com", "visitors"),
    "nobody": person("nobody", "developers", verified=False),
}


@dataclass(frozen=True)
class World:
    """A generated manifest, artifact and registry state."""

    gates: tuple[bool, ...]
    authorized: bool
    duties: bool
    policy: bool
    published: bool
    annotated: bool
    broken: bool
    occupant: str
    locked: bool
    promoted: str
    asker: str


worlds = st.builds(
    World,
    gates=st.lists(st.booleans(), max_size=2).map(tuple),
    authorized=st.booleans(),
    duties=st.booleans(),
    policy=st.booleans(),
    published=st.sampled_from([True, True, True, False]),
    annotated=st.booleans(),
    broken=st.sampled_from([False, False, False, True]),
    occupant=st.sampled_from(["none", "none", "same", "other"]),
    locked=st.sampled_from([False, False, True]),
    promoted=st.sampled_from(["no", "no", "yes", "and moved on"]),
    asker=st.sampled_from(sorted(PEOPLE)),
)


@contextmanager
def built(world: World) -> Iterator[tuple[Engine, Operator]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = folder / "registry"
        registry = LayoutRegistry.create(root)
        source = {"org.opencontainers.image.source": "https://git.example.com/acme"}
        extra = {"annotations": source if world.annotated else {}}
        compiled = "application/vnd.floe.compiled-artifacts.v1+json"
        judged = b'{"enforcement_result": {"passed": false}}' if world.broken else b"{}"
        artifact = image(judged, layer_type=compiled, **extra)
        if world.published:
            oci_layout.write(root, artifact, "v1.0.0-dev")
        free = path_of("dev", "staging")
        with engine_on(registry, folder, free) as before:
            if world.published and world.promoted != "no" and not world.broken:
                promote(before, "v1.0.0", "staging", PEOPLE["developer"])
                if world.promoted == "and moved on":
                    oci_layout.write(root, image(b"newer"), "v2.0.0-dev")
                    promote(before, "v2.0.0", "staging", PEOPLE["developer"])
            elif world.occupant != "none":
                taken = artifact if world.occupant == "same" else image(b"other")
                oci_layout.write(root, taken, "v1.0.0-staging")
            if world.locked:
                lock(before, "staging", PEOPLE["developer"])
        with engine_on(registry, folder, path_of("dev", _staging(world))) as engine:
            enforcer = compile_policies([HAS_SOURCE] if world.policy else [])
            yield with_parts(engine, enforcer=enforcer), PEOPLE[world.asker]


def _staging(world: World) -> Environment:
    rules = Authorization(ALLOWED, None, world.duties) if world.authorized else None
    gates = tuple(gate("true" if passes else "false") for passes in world.gates)
    return Environment("staging", gates=gates, authorization=rules)


def contents(registry: LayoutRegistry) -> dict[str, str]:
    return {str(tag): str(registry.resolve(tag)) for tag in registry.tags()}


@pytest.mark.requirement("FR-007")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(worlds)
def test_dry_run_has_the_result_of_the_real_run(world: World):
    with built(world) as (engine, operator):
        request = promotion(engine, "v1.0.0", "staging", operator)
        before = contents(engine.runner.registry)

        try:
            planned = engine.plan(request, ProgressLog()).error
        except PromotionError as error:
            planned = error
        assert contents(engine.runner.registry) == before
        try:
            result = engine.run(request, ProgressLog())
            done = result.error
        except PromotionError as error:
            result, done = None, error

        event(type(done).__name__ if done else "done")
        assert (type(planned), str(planned)) == (type(done), str(done))
        if done is not None:
            assert contents(engine.runner.registry) == before
        elif result is not None and result.outcome is Ending.PROMOTED:
            assert "v1.0.0-staging" in contents(engine.runner.registry)
