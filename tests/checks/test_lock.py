"""A lock stops promotions and rollbacks to newer versions; the fixed lock stays in its file."""

from datetime import datetime, timedelta

import pytest

from engine.checks.lock import lock, lock_for_newer_version, not_locked_yet
from engine.checks.unlock import no_manifest_lock
from engine.domain.environment import Environment, FixedLock
from engine.domain.errors import EnvironmentLockedError
from engine.domain.finding import Finding, Outcome
from engine.domain.ledger import LedgerEntry
from engine.domain.plan import Effect
from engine.domain.record import LockRecord
from engine.domain.request import LockRequest, PromotionRequest, RollbackRequest, UnlockRequest
from tests.checks.contexts import ALICE, MANIFEST, NOW, REASON, TRACE, V1, entry, judge_once
from tests.domain.records import ID, WHO, a_promotion
from tests.scenarios.engines import path_of

PROMOTION = PromotionRequest(V1, "staging", "prod", ALICE, TRACE)
FIXED = FixedLock("audit", "board")
FIXED_PATH = path_of("dev", "staging", Environment("prod", fixed_lock=FIXED))


def locked(expires_at: datetime | None = None, reason: str = "freeze") -> LedgerEntry:
    fields = {"lock_id": ID, "environment": "prod", "reason": reason, "locked_at": NOW}
    return entry(LockRecord.model_validate(WHO | fields | {"expires_at": expires_at}))


def assert_locked(found: Finding, reason: str) -> None:
    assert (found.check, found.outcome, found.error) == (
        "lock",
        Outcome.BLOCKED,
        EnvironmentLockedError,
    )
    assert found.reason == reason
    assert found.details["environment"] == "prod"


@pytest.mark.requirement("FR-036")
@pytest.mark.parametrize(
    ("expires_at", "until"),
    [(None, ""), (NOW + timedelta(hours=1), " until 2026-03-01 13:00:00 UTC")],
)
def test_promotion_to_a_locked_environment_is_blocked(
    expires_at: datetime | None, until: str
) -> None:
    found = judge_once(lock, PROMOTION, target_head=locked(expires_at), effect=Effect.CHANGE)

    assert_locked(
        found,
        "Environment 'prod' is locked. Reason: freeze. Locked by: alice@acme.com at "
        f"2026-03-01 12:00:00 UTC{until}. Unlock: floe platform unlock --env prod --reason …",
    )
    assert (found.details["reason"], found.details["operator"]) == ("freeze", "alice@acme.com")


def test_reason_that_is_a_sentence_keeps_its_full_stop() -> None:
    head = locked(reason="The load test runs.")

    found = judge_once(lock, PROMOTION, target_head=head, effect=Effect.CHANGE)

    assert "Reason: The load test runs. Locked by" in found.reason


@pytest.mark.parametrize("head", [None, locked(NOW)])
def test_promotion_passes_without_a_lock_or_after_it_expired(head: LedgerEntry | None) -> None:
    found = judge_once(lock, PROMOTION, target_head=head, effect=Effect.CHANGE)

    assert (found.outcome, found.reason) == (Outcome.PASSED, "prod is not locked")


@pytest.mark.parametrize("effect", [Effect.COMPLETE, Effect.NOTHING])
def test_recorded_promotion_is_completed_under_a_lock(effect: Effect) -> None:
    found = judge_once(lock, PROMOTION, target_head=locked(), effect=effect)

    assert (found.outcome, found.reason) == (Outcome.PASSED, "prod is not changed")


def test_lock_of_the_manifest_is_lifted_by_an_edit() -> None:
    found = judge_once(lock, PROMOTION, FIXED_PATH, target_head=None, effect=Effect.CHANGE)

    assert_locked(
        found,
        "Environment 'prod' is locked. Reason: audit. Locked by: board. Unlock: remove `lock` "
        "from the environment in manifest.yaml",
    )


@pytest.mark.requirement("FR-036")
@pytest.mark.parametrize(("forward", "blocks"), [(True, True), (False, False)])
def test_lock_stops_only_a_rollback_to_a_newer_version(forward: bool, blocks: bool) -> None:
    arrival = entry(a_promotion())
    request = RollbackRequest(V1, "prod", ALICE, TRACE, REASON)

    found = judge_once(
        lock_for_newer_version,
        request,
        target_head=locked(),
        effect=Effect.CHANGE,
        manifest=MANIFEST,
        promotion=None if forward else arrival,
        current_promotion=arrival,
    )

    assert found.blocks is blocks
    if not blocks:
        assert (found.outcome, found.reason) == (
            Outcome.SKIPPED,
            "a lock does not stop a rollback",
        )


def test_second_lock_is_blocked_with_the_first() -> None:
    request = LockRequest("prod", ALICE, TRACE, REASON)

    assert_locked(
        judge_once(not_locked_yet, request, target_head=locked(), effect=Effect.CHANGE),
        "Environment 'prod' is locked already. Reason: freeze. Locked by: alice@acme.com at "
        "2026-03-01 12:00:00 UTC. Unlock: floe platform unlock --env prod --reason …",
    )
    free = judge_once(not_locked_yet, request, target_head=None, effect=Effect.CHANGE)
    completed = judge_once(not_locked_yet, request, target_head=locked(), effect=Effect.COMPLETE)
    assert not free.blocks
    assert not completed.blocks


def test_unlock_does_not_lift_the_lock_of_the_manifest() -> None:
    request = UnlockRequest("prod", ALICE, TRACE, REASON)

    free = judge_once(no_manifest_lock, request)

    assert (free.outcome, free.reason) == (
        Outcome.PASSED,
        "prod is not locked by manifest.yaml",
    )
    assert_locked(
        judge_once(no_manifest_lock, request, FIXED_PATH),
        "Environment 'prod' is locked in manifest.yaml by board: audit. Remove `lock` there to "
        "unlock it",
    )
