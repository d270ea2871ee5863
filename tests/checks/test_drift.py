"""A drifted `latest` is put back by a restore only."""

import pytest

from engine.checks.drift import drift, restorable
from engine.domain.artifact import Digest
from engine.domain.errors import ConflictError, VersionNotPromotedError
from engine.domain.finding import Outcome
from engine.domain.plan import Effect
from engine.domain.request import PromotionRequest, RestoreRequest, RollbackRequest
from engine.domain.state import EnvironmentState, state_after
from tests.checks.contexts import ALICE, OTHER, REASON, TRACE, V1, entry, judge, judge_once
from tests.domain.records import DIGEST, a_promotion
from tests.domain.records import OTHER as BEFORE

PROMOTION = PromotionRequest(V1, "staging", "prod", ALICE, TRACE)
ROLLBACK = RollbackRequest(V1, "prod", ALICE, TRACE, REASON)
RECORD = a_promotion(version="v1.0.0")
# `latest` still has the earlier content if it has yet to follow the record.
HEAD = entry(RECORD, state_after(EnvironmentState(digest=BEFORE), RECORD, 1))


@pytest.mark.parametrize("request_", [PROMOTION, ROLLBACK])
@pytest.mark.parametrize(
    ("latest", "fact"), [(OTHER, f"points to {OTHER.short}"), (None, "is gone")]
)
def test_repeated_request_does_not_move_a_drifted_tag_back(
    request_: PromotionRequest | RollbackRequest, latest: Digest | None, fact: str
) -> None:
    (found,) = judge(drift, request_, target_head=HEAD, effect=Effect.COMPLETE, latest=latest)

    assert (found.check, found.outcome) == ("drift", Outcome.BLOCKED)
    assert found.error is ConflictError
    assert found.reason == (
        f"latest-prod {fact} and was moved outside floe: by the ledger prod already runs v1.0.0. "
        "Put it back: floe platform restore --env prod"
    )
    assert found.details == {"tag": "latest-prod", "found": str(latest) if latest else None}


@pytest.mark.parametrize(
    ("latest", "effect"),
    [
        (OTHER, Effect.CHANGE),
        (OTHER, Effect.NOTHING),
        (Digest(DIGEST), Effect.COMPLETE),
        (Digest(BEFORE), Effect.COMPLETE),
    ],
)
def test_drift_says_nothing_about_other_requests(latest: Digest, effect: Effect) -> None:
    assert judge(drift, PROMOTION, target_head=HEAD, effect=effect, latest=latest) == ()


def test_restore_needs_an_earlier_promotion() -> None:
    request = RestoreRequest("prod", ALICE, TRACE)

    promoted = judge_once(restorable, request, target_head=HEAD)
    empty = judge_once(restorable, request, target_head=None)

    assert (promoted.outcome, promoted.reason) == (
        Outcome.PASSED,
        "by the ledger prod runs v1.0.0",
    )
    assert (empty.outcome, empty.error) == (Outcome.BLOCKED, VersionNotPromotedError)
    assert empty.reason == (
        "Nothing was ever promoted to 'prod', so there is nothing to restore. Promote a version: "
        "floe platform promote VERSION --to prod"
    )
    assert empty.details == {"environment": "prod"}
