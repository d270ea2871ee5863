"""A version that was rolled back in its source is blocked until it is promoted there again."""

from engine.api import Engine
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import RolledBackError
from engine.domain.overrides import Overrides
from engine.domain.record import PromotionRecord
from engine.domain.release_errors import QuarantinedError
from engine.domain.result import Ending, Result
from tests.conftest import Place
from tests.scenarios.engines import BOB, ProgressLog, promote, promotion
from tests.scenarios.verbs import artifact, build_and_promote, lock, release, roll_back, unlock

OVERRIDDEN = Overrides(override_rollback=True, reason="the fix is in the database")
MANAGERS = Environment("prod", approvals=Approvals(groups=frozenset({"managers"})))
ADMINS = Environment("prod", authorization=Authorization(allowed_groups=frozenset({"admins"})))


def assert_blocked(result: Result) -> None:
    assert isinstance(result.error, RolledBackError)
    assert result.error.exit_code == 11
    assert "staging was rolled back from v1.1.0 by bob@acme.com on 2026-09-01" in str(result.error)
    assert "INC-42: 5xx since the release" in str(result.error)


def rolled_back(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0", operator=BOB)


def test_rolled_back_version_is_blocked_with_a_hint(place: Place, engine: Engine) -> None:
    rolled_back(place, engine)

    result = promote(engine, "v1.1.0", "prod")

    assert_blocked(result)
    assert isinstance(result.error, QuarantinedError)
    assert "So it is quarantined there and in later environments" in str(result.error)
    assert "floe platform release v1.1.0 --env staging --reason …" in str(result.error)
    assert "promote v1.1.0 --to prod --override-rollback --reason …" in str(result.error)
    assert engine.history("prod") == ()


def test_version_stays_blocked_after_later_changes_of_the_source(
    place: Place, engine: Engine
) -> None:
    rolled_back(place, engine)
    lock(engine)
    unlock(engine)
    build_and_promote(place, engine, "v1.2.0", "v1.3.0")

    assert_blocked(promote(engine, "v1.1.0", "prod"))
    assert promote(engine, "v1.2.0", "prod").outcome is Ending.PROMOTED


def test_source_with_a_newer_version_does_not_block(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0", "v1.2.0")
    roll_back(engine, "v1.1.0")

    assert promote(engine, "v1.0.0", "prod").outcome is Ending.PROMOTED
    assert promote(engine, "v1.1.0", "prod").outcome is Ending.PROMOTED


def test_version_promoted_to_its_source_again_is_allowed(place: Place, engine: Engine) -> None:
    rolled_back(place, engine)
    assert release(engine, "v1.1.0").outcome is Ending.RELEASED
    assert promote(engine, "v1.1.0", "staging").outcome is Ending.PROMOTED

    assert promote(engine, "v1.1.0", "prod").outcome is Ending.PROMOTED


def test_second_rollback_blocks_again(place: Place, engine: Engine) -> None:
    rolled_back(place, engine)
    release(engine, "v1.1.0")
    promote(engine, "v1.1.0", "staging")
    roll_back(engine, "v1.0.0", operator=BOB)

    assert_blocked(promote(engine, "v1.1.0", "prod"))


def test_rollback_of_the_first_environment_blocks_too(place: Place, engine: Engine) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        place.push(artifact(version), version)
        promote(engine, version, "dev")
    roll_back(engine, "v1.0.0", "dev")

    result = promote(engine, "v1.1.0", "staging")

    assert isinstance(result.error, RolledBackError)


def test_already_promoted_version_stays_unchanged(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    promote(engine, "v1.1.0", "prod")
    roll_back(engine, "v1.0.0")

    assert promote(engine, "v1.1.0", "prod").outcome is Ending.UNCHANGED


def test_override_is_recorded(place: Place, engine: Engine) -> None:
    rolled_back(place, engine)

    result = promote(engine, "v1.1.0", "prod", overrides=OVERRIDDEN)

    record = result.record
    assert result.outcome is Ending.PROMOTED
    assert isinstance(record, PromotionRecord)
    (override,) = record.overrides
    assert (override.rule, override.reason) == ("rolled back", "the fix is in the database")
    assert "staging was rolled back from v1.1.0 by bob@acme.com" in override.finding
    assert "alice@acme.com overrides it" in override.finding
    assert result.warnings == (override.finding,)


def test_rollback_during_the_gates_is_seen_under_the_lease(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    plan = engine.plan(promotion(engine, "v1.1.0", "prod"), ProgressLog())
    roll_back(engine, "v1.0.0", operator=BOB)

    assert_blocked(engine.execute(plan, ProgressLog()))
