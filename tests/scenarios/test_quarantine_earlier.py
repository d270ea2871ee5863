"""A quarantine also counts in later environments: for returns to a version, and in audits."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from engine.api import Engine
from engine.domain.break_glass import BreakGlassRules
from engine.domain.environment import Approvals, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.names import Names
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_rollback_request
from engine.domain.record import RollbackRecord
from engine.domain.record_header import record_header
from engine.domain.release_records import ReleaseRecord
from engine.domain.result import Ending
from tests.conftest import Place
from tests.scenarios.audited import audit, messages, summarize
from tests.scenarios.engines import (
    ALICE,
    NOON,
    TRACE_ID,
    ProgressLog,
    engine_on,
    path_of,
    person,
    promote,
)
from tests.scenarios.forging import LATER, Forger
from tests.scenarios.verbs import artifact, build_and_promote, release, roll_back

MANAGED = Environment(
    "prod",
    approvals=Approvals(groups=Names(["managers"])),
    break_glass=BreakGlassRules(Names(["sre"])),
)
MANAGER = person("mary@acme.com", "managers")
ON_CALL = person("sam@acme.com", "sre")
PATH = path_of("dev", "staging", "qa", MANAGED)


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    """Staging was rolled back from v1.1.0 with a quarantine; prod was without one."""
    with engine_on(place.registry, tmp_path, PATH) as built:
        build_and_promote(place, built, "v1.0.0", "v1.1.0")
        for version in ("v1.0.0", "v1.1.0"):
            for target in ("qa", "prod"):
                assert promote(built, version, target).error is None
        back = parse_rollback_request(
            PATH, "v1.0.0", "prod", MANAGER, TRACE_ID, "slow", quarantine=False
        )
        assert built.run(back, ProgressLog()).error is None
        assert roll_back(built, "v1.0.0").error is None
        yield built


def test_return_to_it_in_a_later_environment_needs_the_right(engine: Engine) -> None:
    refused = roll_back(engine, "v1.1.0", "prod").error

    assert isinstance(refused, AuthorizationError)
    assert "may not return to a quarantined version: staging was rolled back from v1.1.0 by " in (
        str(refused)
    )
    assert "floe platform release v1.1.0 --env staging --reason …" in str(refused)
    assert engine.status("prod")[0].state.version == "v1.0.0"


def test_approver_returns_to_it_with_a_warning(engine: Engine) -> None:
    done = roll_back(engine, "v1.1.0", "prod", MANAGER)

    assert isinstance(done.record, RollbackRecord)
    (warning,) = done.record.warnings
    assert warning.startswith("staging was rolled back from v1.1.0 by alice@acme.com on 2026")
    assert "mary@acme.com returns to it nevertheless (group managers): INC-42" in warning
    assert [q.version for q in engine.status("staging")[0].state.quarantined] == ["v1.1.0"]
    assert messages(audit(engine, "prod", full=True)) == ""


def test_break_glass_does_not_skip_it(engine: Engine) -> None:
    request = parse_rollback_request(PATH, "v1.1.0", "prod", ON_CALL, TRACE_ID, "down", "INC-1")

    assert isinstance(engine.run(request, ProgressLog()).error, AuthorizationError)


def test_release_lets_everyone_return_to_it(engine: Engine) -> None:
    assert release(engine, "v1.1.0").outcome is Ending.RELEASED

    done = roll_back(engine, "v1.1.0", "prod")

    assert (done.error, done.warnings) == (None, ())
    assert messages(audit(engine, "prod", full=True)) == ""


def test_return_from_a_newer_version_is_allowed(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.2.0")
    for target in ("qa", "prod"):
        assert promote(engine, "v1.2.0", target).error is None

    done = roll_back(engine, "v1.1.0", "prod")

    assert (done.error, done.warnings) == (None, ())
    assert messages(audit(engine, "prod", full=True)) == ""


def test_audit_finds_a_rollback_to_it(place: Place, engine: Engine) -> None:
    engine.runner.clock.time = NOON + timedelta(hours=2)  # type: ignore[attr-defined]

    Forger(place, engine).roll_back("v1.1.0", "prod", artifact("v1.1.0"))

    found = audit(engine, "prod", full=True)
    assert summarize(found.problems) == [("override", 4)]
    assert "rolls back to v1.1.0 at 2026-09-02 00:00:00 UTC, but entry 3 of staging rolled" in (
        messages(found)
    )


def test_audit_finds_a_rollback_to_it_in_its_environment(place: Place, engine: Engine) -> None:
    Forger(place, engine).roll_back("v1.1.0", "staging", artifact("v1.1.0"))

    found = audit(engine, "staging", full=True)

    assert summarize(found.problems) == [("override", 4)]
    assert "rolls back to v1.1.0, which was quarantined by alice@acme.com" in messages(found)


@pytest.mark.parametrize("version", ["v1.1.0", "v1.1.1"])
def test_audit_finds_a_promotion_two_environments_later(
    place: Place, engine: Engine, version: str
) -> None:
    forger = Forger(place, engine)
    if version == "v1.1.1":
        forger.promote(version, "qa", artifact("v1.1.0"), promoted_at=NOON + timedelta(hours=1))
    engine.runner.clock.time = NOON + timedelta(hours=2)  # type: ignore[attr-defined]

    forger.promote(version, "prod", artifact("v1.1.0"))

    found = audit(engine, "prod", full=True)
    assert summarize(found.problems) == [("override", 4)]
    assert "but entry 3 of staging rolled back from it" in messages(found)


def test_audit_accepts_an_override_two_environments_later(engine: Engine) -> None:
    engine.runner.clock.time = NOON + timedelta(hours=2)  # type: ignore[attr-defined]
    overrides = Overrides(override_rollback=True, reason="tested")

    done = promote(engine, "v1.1.0", "prod", MANAGER, overrides=overrides)

    assert done.error is None
    assert messages(audit(engine, "prod", full=True)) == ""


@pytest.mark.parametrize("version", ["v1.1.0", "v1.0.0"])
def test_audit_finds_a_release_of_a_version_that_was_not_quarantined(
    place: Place, engine: Engine, version: str
) -> None:
    release_of(place, engine, version, "prod")

    found = audit(engine, "prod", full=True)

    assert summarize(found.problems) == [("override", 4)]
    assert f"releases {version} (sha256:" in messages(found)


def release_of(place: Place, engine: Engine, version: str, target: str) -> None:
    record = ReleaseRecord(
        release_id=uuid4(),
        environment=target,
        version=version,
        artifact_digest=str(artifact(version).manifest.digest),
        reason="forged",
        authorized_via="group managers",
        released_at=LATER,
        **record_header(ALICE, TRACE_ID, engine.runner.policy.digest),
    )
    Forger(place, engine).append(record)
