"""After a rollback, the version that was left is held there and in later environments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api import Engine
from engine.audit.record_rules import judge_record
from engine.domain.artifact import Digest
from engine.domain.environment import Approvals, Environment
from engine.domain.errors import AuthorizationError, RolledBackError
from engine.domain.overrides import Override, Overrides
from engine.domain.parsing import parse_rollback_request
from engine.domain.record import RollbackRecord
from engine.domain.release_errors import QuarantinedError
from engine.domain.release_records import ReleaseRecord
from engine.domain.result import Ending
from engine.domain.state import EMPTY, Quarantine, list_quarantines, state_after
from tests.checks.contexts import entry
from tests.conftest import Place
from tests.domain.records import a_promotion, a_rollback
from tests.scenarios.audited import audit, messages
from tests.scenarios.engines import (
    BOB,
    NOON,
    TRACE_ID,
    ProgressLog,
    engine_on,
    path_of,
    person,
    promote,
)
from tests.scenarios.verbs import artifact, build_and_promote, kinds, release, roll_back

MANAGED = Environment("staging", approvals=Approvals(groups=frozenset({"managers"})))
MANAGER = person("mary@acme.com", "managers")


@pytest.fixture
def held(place: Place, engine: Engine) -> Engine:
    """Staging was rolled back from v1.1.0, which prod runs already."""
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    assert promote(engine, "v1.1.0", "prod").error is None
    assert roll_back(engine, "v1.0.0", operator=BOB).error is None
    return engine


def test_state_names_the_version_and_who_left_it(held: Engine) -> None:
    (staging,) = held.status("staging")
    (quarantine,) = staging.state.quarantined

    assert (quarantine.version, quarantine.operator) == ("v1.1.0", "bob@acme.com")
    assert held.status("prod")[0].state.quarantined == ()


@pytest.mark.parametrize("target", ["staging", "prod"])
def test_version_is_refused_there_and_later(
    place: Place, engine: Engine, held: Engine, target: str
) -> None:
    build_and_promote(place, engine, "v1.2.0")
    promote(engine, "v1.2.0", "prod")

    refused = promote(held, "v1.1.0", target).error

    assert isinstance(refused, QuarantinedError)
    assert (refused.exit_code, refused.reason_code) == (11, "quarantined")
    assert refused.details["environment"] == "staging"
    assert str(refused).startswith("staging was rolled back from v1.1.0 by bob@acme.com on 2026")


def test_release_lets_it_pass_everywhere_and_the_audit_agrees(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0", operator=BOB)

    released = release(engine, "v1.1.0")

    assert isinstance(released.record, ReleaseRecord)
    assert (released.record.version, released.outcome) == ("v1.1.0", Ending.RELEASED)
    assert engine.status("staging")[0].state.quarantined == ()
    assert promote(engine, "v1.1.0", "prod").outcome is Ending.PROMOTED
    assert release(engine, "v1.1.0").outcome is Ending.UNCHANGED
    assert kinds(engine)[-1] == "release"
    for name in ("staging", "prod"):
        assert messages(audit(engine, name, full=True)) == ""


def test_release_needs_an_approver(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, path_of("dev", MANAGED, "prod")) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        roll_back(engine, "v1.0.0", operator=BOB)

        refused, done = release(engine, "v1.1.0"), release(engine, "v1.1.0", operator=MANAGER)

        assert isinstance(refused.error, AuthorizationError)
        assert "may not release v1.1.0 in staging. Ask an approver of staging" in str(refused.error)
        assert done.outcome is Ending.RELEASED


def test_override_ends_the_quarantine_where_it_is_promoted(held: Engine) -> None:
    result = promote(
        held, "v1.1.0", "staging", overrides=Overrides(override_rollback=True, reason="tested")
    )

    assert result.outcome is Ending.PROMOTED
    assert held.status("staging")[0].state.quarantined == ()


def test_rollback_to_the_version_ends_its_quarantine(held: Engine) -> None:
    assert roll_back(held, "v1.1.0").error is None

    assert [q.version for q in held.status("staging")[0].state.quarantined] == ["v1.0.0"]


def test_rollback_to_the_version_needs_the_right_to_release(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, path_of("dev", MANAGED, "prod")) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        roll_back(engine, "v1.0.0", operator=BOB)

        refused = roll_back(engine, "v1.1.0", operator=BOB).error

        assert isinstance(refused, AuthorizationError)
        assert "floe platform release v1.1.0 --env staging --reason …" in str(refused)
        assert [q.version for q in engine.status("staging")[0].state.quarantined] == ["v1.1.0"]
        done = roll_back(engine, "v1.1.0", operator=MANAGER)
        assert done.outcome is Ending.ROLLED_BACK
        assert "mary@acme.com ends its quarantine (group managers)" in str(done.warnings)


def test_state_without_quarantine_is_readable_by_older_servers() -> None:
    assert "quarantined" not in EMPTY.model_dump_json()


def test_quarantines_fit_into_an_entry() -> None:
    state = EMPTY
    for number in range(25):
        left, to = Digest.of(b"%d" % number), Digest.of(b"%d" % (number + 1))
        record = a_rollback(
            previous_digest=str(left), artifact_digest=str(to), quarantine=True, reason="x" * 500
        )
        state = state_after(state, record, number + 1)

    assert len(state.quarantined) == 20
    assert {len(each.reason) for each in state.quarantined} == {160}


def test_opting_out_is_recorded_and_only_the_source_rule_remains(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    request = parse_rollback_request(
        engine.path, "v1.0.0", "staging", BOB, TRACE_ID, "wrong config", quarantine=False
    )

    record = engine.run(request, ProgressLog()).record

    assert isinstance(record, RollbackRecord)
    assert record.quarantine is False
    assert record.warnings == (
        "v1.1.0 is not quarantined: it can be promoted to staging again (--no-quarantine)",
    )
    refused = promote(engine, "v1.1.0", "prod").error
    assert isinstance(refused, RolledBackError)
    assert not isinstance(refused, QuarantinedError)
    assert promote(engine, "v1.1.0", "staging").outcome is Ending.PROMOTED


def test_quarantine_reaches_beyond_the_next_environment(place: Place, tmp_path: Path) -> None:
    path = path_of("dev", "staging", "qa", "prod")
    with engine_on(place.registry, tmp_path, path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        promote(engine, "v1.1.0", "qa")
        roll_back(engine, "v1.0.0", operator=BOB)

        refused = promote(engine, "v1.1.0", "prod").error

        assert isinstance(refused, QuarantinedError)
        assert refused.details["environment"] == "staging"


QA = Environment("qa", after=("eu", "us"), any_source=True)
PARALLEL = path_of("dev", "eu", Environment("us", after=("dev",)), QA, "prod")


def test_quarantine_of_one_source_of_several_reaches_later(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, PARALLEL) as engine:
        for version in ("v1.0.0", "v1.1.0"):
            place.push(artifact(version), f"{version}-dev")
            assert promote(engine, version, "eu").error is None
        promote(engine, "v1.1.0", "qa")
        roll_back(engine, "v1.0.0", "eu", BOB)

        refused = promote(engine, "v1.1.0", "prod").error

        assert isinstance(refused, QuarantinedError)
        assert refused.details["environment"] == "eu"


def test_quarantine_follows_the_digest_past_other_sources(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path, PARALLEL) as engine:
        for version in ("v1.0.0", "v1.1.0"):
            place.push(artifact(version), f"{version}-dev")
            assert promote(engine, version, "eu").error is None
        roll_back(engine, "v1.0.0", "eu", BOB)
        place.push(artifact("v1.1.0"), "v1.1.1-dev")
        assert promote(engine, "v1.1.1", "us").error is None

        refused = promote(engine, "v1.1.1", "qa").error

        assert isinstance(refused, QuarantinedError)
        assert refused.details["environment"] == "eu"
        assert "So v1.1.1, which has the same content, is quarantined there" in str(refused)
        assert "floe platform release v1.1.0 --env eu --reason …" in str(refused)
        assert release(engine, "v1.1.0", "eu").outcome is Ending.RELEASED
        assert promote(engine, "v1.1.1", "qa").outcome is Ending.PROMOTED


def test_audit_reports_a_promotion_of_a_quarantined_version(held: Engine) -> None:
    [before] = held.history("staging", 1)
    digest = before.state.quarantined[0].digest
    record = a_promotion(version="v1.1.0", artifact_digest=digest)
    override = Override(rule="rolled back", finding="bad", reason="tested")

    found = [str(each) for each in judge_record(before, entry(record), None)]
    allowed = judge_record(
        before, entry(record.model_copy(update={"overrides": (override,)})), None
    )

    fact = "promotes v1.1.0, which was quarantined by bob@acme.com"
    assert any(fact in each for each in found)
    assert not any(fact in str(each) for each in allowed)


def test_status_lists_the_newest_two() -> None:
    def held(version: str) -> Quarantine:
        digest = str(Digest.of(version.encode()))
        return Quarantine(version=version, digest=digest, operator="bob", at=NOON, reason="bad")

    two = (held("v4.0.0"), held("v3.0.0"))

    assert len(list_quarantines(two)) == 2
    lines = list_quarantines((*two, held("v2.0.0"), held("v1.0.0")))
    assert lines[0] == "v4.0.0 is quarantined by bob on 2026-09-01 12:00:00 UTC: bad"
    assert lines[2:] == ("and 2 more quarantined",)


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    with engine_on(place.registry, tmp_path) as built:
        yield built
