"""A request that waited does not undo a newer one."""

from datetime import datetime, timedelta

import pytest

from engine.checks.order import order
from engine.domain.errors import StaleError
from engine.domain.finding import Outcome
from engine.domain.plan import Effect
from engine.domain.record import AnyRecord
from engine.domain.request import PromotionRequest, RollbackRequest
from tests.checks.contexts import ALICE, NOW, REASON, TRACE, V1, entry, judge
from tests.domain.records import ID, a_promotion, a_rollback, one_of_each

LATER = NOW + timedelta(hours=1)
NEWER = a_promotion(version="v2.0.0", promoted_at=LATER)


def promotion(asked_at: datetime | None = NOW) -> PromotionRequest:
    return PromotionRequest(V1, "staging", "prod", ALICE, TRACE, asked_at)


@pytest.mark.parametrize(
    ("newest", "verb"),
    [
        (NEWER, "promoted to"),
        (a_rollback(version="v2.0.0", rolled_back_at=LATER), "rolled back to"),
    ],
)
@pytest.mark.parametrize(
    "request_", [promotion(), RollbackRequest(V1, "prod", ALICE, TRACE, REASON, NOW)]
)
def test_newer_change_blocks(
    request_: PromotionRequest | RollbackRequest, newest: AnyRecord, verb: str
) -> None:
    newest_change = entry(newest)

    (found,) = judge(
        order, request_, target_head=None, effect=Effect.CHANGE, newest_change=newest_change
    )

    assert (found.check, found.outcome, found.error) == ("order", Outcome.BLOCKED, StaleError)
    assert found.reason == (
        f"prod was {verb} v2.0.0 by alice@acme.com at 2026-03-01 13:00:00 UTC, after this request "
        "for v1.0.0 was made (2026-03-01 12:00:00 UTC). Request v1.0.0 again if it is still needed"
    )
    assert found.details == {
        "version": "v1.0.0",
        "running": "v2.0.0",
        "record": str(ID),
        "differences": [f"prod: {verb} v2.0.0 after this request"],
    }


@pytest.mark.parametrize(
    ("request_", "effect", "newest"),
    [
        (promotion(), Effect.CHANGE, None),
        (promotion(), Effect.COMPLETE, NEWER),
        (promotion(None), Effect.CHANGE, NEWER),
        (promotion(), Effect.CHANGE, a_promotion(promoted_at=NOW)),
        # It was carried out later, but requested earlier.
        (promotion(), Effect.CHANGE, a_promotion(promoted_at=LATER, requested_at=NOW)),
        (promotion(), Effect.CHANGE, one_of_each()[3]),
    ],
)
def test_order_says_nothing_without_a_newer_change(
    request_: PromotionRequest, effect: Effect, newest: AnyRecord | None
) -> None:
    newest_change = entry(newest) if newest else None

    assert (
        judge(order, request_, target_head=None, effect=effect, newest_change=newest_change) == ()
    )


def test_time_of_the_request_decides_and_not_of_the_promotion() -> None:
    newest = a_promotion(promoted_at=LATER, requested_at=NOW + timedelta(seconds=1))

    (found,) = judge(
        order, promotion(), target_head=None, effect=Effect.CHANGE, newest_change=entry(newest)
    )

    assert found.blocks
