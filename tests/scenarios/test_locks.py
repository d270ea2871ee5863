"""Locks stop promotions and nothing else, and every interface shows them."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.environment import Environment, FixedLock
from engine.domain.errors import (
    EnvironmentLockedError,
    TagExistsError,
    UsageError,
)
from engine.domain.result import Ending
from tests.conftest import Place
from tests.scenarios.engines import (
    ALICE,
    BOB,
    NOON,
    ProgressLog,
    TickingClock,
    engine_on,
    path_of,
    promote,
    promotion,
)
from tests.scenarios.verbs import (
    artifact,
    build_and_promote,
    kinds,
    lock,
    lock_of,
    lock_request,
    roll_back,
    rollback_of,
    rollback_request,
    unlock,
    unlock_of,
)


def build_versions(place: Place, *versions: str) -> None:
    for version in versions:
        place.push(artifact(version), f"{version}-dev")


@pytest.mark.requirement("FR-035")
@pytest.mark.requirement("FR-036")
def test_promotion_into_a_locked_environment_is_refused_with_reason_holder_and_time(
    place: Place, engine: Engine
) -> None:
    build_versions(place, "v1.0.0")
    held = lock_of(lock(engine, operator=BOB))

    result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, EnvironmentLockedError)
    assert result.error.exit_code == 13
    assert str(result.error) == (
        "Environment 'staging' is locked. Reason: INC-1. Locked by: bob@acme.com at "
        f"{held.locked_at:%Y-%m-%d %H:%M:%S} UTC. "
        "Unlock: floe platform unlock --env staging --reason …"
    )
    assert place.registry.resolve(engine.path.environment("staging").latest) is None


@pytest.mark.requirement("FR-037")
@pytest.mark.requirement("FR-038")
def test_unlock_allows_promotions_and_both_are_recorded(place: Place, engine: Engine) -> None:
    build_versions(place, "v1.0.0")
    lock(engine)

    record = unlock_of(unlock(engine, operator=BOB))
    result = promote(engine, "v1.0.0", "staging")

    assert result.error is None
    assert (record.locked_by, record.locked_reason) == ("alice@acme.com", "INC-1")
    assert (record.operator, record.reason) == ("bob@acme.com", "INC-1 is over")
    assert kinds(engine) == ["lock", "unlock", "promotion"]


@pytest.mark.requirement("FR-039")
def test_status_shows_the_lock_and_the_running_version(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")

    record = lock_of(lock(engine))

    status = engine.status()[1]
    assert status.lock is not None
    assert (status.lock.reason, status.lock.operator) == ("INC-1", "alice@acme.com")
    assert status.lock.at == record.locked_at
    assert status.state.version == "v1.0.0"


def test_only_the_named_environment_is_locked(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")

    lock(engine, "staging")

    assert promote(engine, "v1.0.0", "prod").error is None


def test_locking_a_locked_environment_is_refused_with_its_holder(
    place: Place, engine: Engine
) -> None:
    lock(engine, operator=BOB)

    result = lock(engine, operator=ALICE)

    assert isinstance(result.error, EnvironmentLockedError)
    assert "Locked by: bob@acme.com" in str(result.error)
    assert kinds(engine) == ["lock"]


def test_unlocking_an_unlocked_environment_changes_and_records_nothing(
    place: Place, engine: Engine
) -> None:
    result = unlock(engine)

    assert (result.outcome, result.error, result.record) == (Ending.UNCHANGED, None, None)
    assert place.registry.tags() == ()


def test_lock_taken_after_the_plan_still_blocks(place: Place, engine: Engine) -> None:
    build_versions(place, "v1.0.0")
    plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog())
    assert plan.error is None
    lock(engine)

    result = engine.execute(plan, ProgressLog())

    assert isinstance(result.error, EnvironmentLockedError)
    assert kinds(engine) == ["lock"]


def test_rollback_is_possible_and_keeps_the_lock(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    lock(engine)

    record = rollback_of(roll_back(engine, "v1.0.0"))

    assert record.version == "v1.0.0"
    assert engine.status()[1].lock is not None


@pytest.mark.requirement("FR-036")
def test_rollback_that_goes_forward_is_a_promotion_and_stays_locked(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    lock(engine)

    result = roll_back(engine, "v1.1.0")

    assert isinstance(result.error, EnvironmentLockedError)
    assert engine.status()[1].state.version == "v1.0.0"


def test_lock_taken_after_the_plan_stops_a_rollback_that_goes_forward(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    plan = engine.plan(rollback_request(engine, "v1.1.0"), ProgressLog())
    lock(engine)

    result = engine.execute(plan, ProgressLog())

    assert isinstance(result.error, EnvironmentLockedError)


def test_repeated_old_promotion_does_not_bypass_the_lock(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    lock(engine)

    result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, EnvironmentLockedError)


def test_all_blockers_are_listed_and_the_first_decides_the_error(
    place: Place, engine: Engine
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    lock(engine)
    place.push(artifact("other"), "v1.1.0-staging")

    result = roll_back(engine, "v1.1.0")

    assert isinstance(result.error, TagExistsError)
    assert [finding.check for finding in result.plan.blockers] == ["promoted before", "lock"]


class TestExpiry:
    """A clock that only ticks when it is read."""

    def test_lock_expires_at_its_time(self, place: Place, tmp_path: Path) -> None:
        clock = TickingClock()
        build_versions(place, "v1.0.0", "v1.1.0")
        with engine_on(place.registry, tmp_path, clock=clock) as engine:
            record = lock_of(lock(engine, duration="1h30m"))
            assert record.expires_at == record.locked_at + timedelta(minutes=90)
            clock.time = record.locked_at + timedelta(minutes=89)
            held = promote(engine, "v1.0.0", "staging")

            clock.time = record.locked_at + timedelta(minutes=90)
            free = promote(engine, "v1.0.0", "staging")

            assert isinstance(held.error, EnvironmentLockedError)
            assert "until 2026-09-01 13:30" in str(held.error)
            assert free.error is None
            assert engine.status()[1].lock is None

    def test_expired_lock_can_be_replaced_and_needs_no_unlock(
        self, place: Place, tmp_path: Path
    ) -> None:
        clock = TickingClock()
        with engine_on(place.registry, tmp_path, clock=clock) as engine:
            lock(engine, duration="1m")
            clock.time = NOON + timedelta(hours=1)
            nothing = unlock(engine)

            again = lock(engine, operator=BOB)

            assert nothing.outcome is Ending.UNCHANGED
            assert lock_of(again).operator == "bob@acme.com"
            assert kinds(engine) == ["lock", "lock"]


class TestFixedLock:
    """A lock that is written in manifest.yaml."""

    PATH = path_of("dev", Environment("staging", fixed_lock=FixedLock("audit week", "cfo")))

    def test_fixed_lock_cannot_be_unlocked_or_replaced(self, place: Place, tmp_path: Path) -> None:
        with engine_on(place.registry, tmp_path, self.PATH) as engine:
            unlocked, locked = unlock(engine), lock(engine)

            assert isinstance(unlocked.error, EnvironmentLockedError)
            assert "Remove `lock` there" in str(unlocked.error)
            assert isinstance(locked.error, EnvironmentLockedError)
            assert kinds(engine) == []

    def test_fixed_lock_allows_rollbacks(self, place: Place, tmp_path: Path) -> None:
        with engine_on(place.registry, tmp_path, path_of("dev", "staging")) as engine:
            build_and_promote(place, engine, "v1.0.0", "v1.1.0")

        with engine_on(place.registry, tmp_path, self.PATH) as engine:
            assert rollback_of(roll_back(engine, "v1.0.0")).version == "v1.0.0"
            assert isinstance(roll_back(engine, "v1.1.0").error, EnvironmentLockedError)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001, "\udcff"])
def test_empty_reason_is_refused(engine: Engine, reason: str) -> None:
    with pytest.raises(UsageError):
        lock_request(engine, reason=reason)
