"""Figures of delivery, from plain records."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.domain.dora import Figures, check_period, figures
from engine.domain.errors import UsageError
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from tests.domain.records import a_promotion, a_rollback

END = datetime(2026, 3, 31, tzinfo=UTC)
BEGIN = END - timedelta(days=30)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def promoted(number: int, days: float, place: str = "prod") -> PromotionRecord:
    at = BEGIN + timedelta(days=days)
    fields = {"artifact_digest": digest(number), "target_environment": place}
    return a_promotion(promoted_at=at, **fields)


def rolled_back(left: int, to: int, days: float, place: str = "prod") -> RollbackRecord:
    at = BEGIN + timedelta(days=days)
    digests = {"previous_digest": digest(left), "artifact_digest": digest(to)}
    return a_rollback(rolled_back_at=at, environment=place, **digests)


def of_prod(*oldest_first: AnyRecord) -> Figures:
    _, prod = figures(("staging", "prod"), reversed(oldest_first), BEGIN, END)
    return prod


def test_no_record_is_no_deployment_and_no_rate() -> None:
    assert of_prod() == Figures("prod", 0, 0, 0.0, None, None, None)


def test_deployments_are_counted_in_the_period_and_environment() -> None:
    outside = (promoted(1, -1), promoted(9, 31))

    found = of_prod(*outside, promoted(2, 1), promoted(3, 2), promoted(4, 3, "staging"))

    assert (found.deployments, found.per_day) == (2, pytest.approx(2 / 30))
    assert found.change_fail_rate == 0


def test_lead_time_begins_with_the_first_record_of_the_artifact() -> None:
    found = of_prod(
        promoted(1, -2, "staging"),
        promoted(2, 1, "staging"),
        promoted(1, 2),
        promoted(2, 3),
        promoted(3, 4),
    )

    # Four days and two days; the third was never in another environment.
    assert (found.deployments, found.lead_time) == (3, timedelta(days=3))


def test_rollback_makes_the_deployment_a_failure() -> None:
    found = of_prod(promoted(1, 1), promoted(2, 2), rolled_back(2, 1, 2.25), promoted(3, 4))

    assert (found.failed, found.change_fail_rate) == (1, pytest.approx(1 / 3))
    assert found.recovery_time == timedelta(hours=6)


def test_rollback_after_a_rollback_is_no_second_failure() -> None:
    found = of_prod(
        promoted(1, 1), promoted(2, 2), promoted(3, 3), rolled_back(3, 2, 4), rolled_back(2, 1, 5)
    )

    assert (found.deployments, found.failed) == (3, 1)


def test_rollback_of_a_deployment_before_the_period_does_not_count() -> None:
    found = of_prod(promoted(1, -3), promoted(2, -2), rolled_back(2, 1, 1))

    assert (found.deployments, found.failed, found.change_fail_rate) == (0, 0, None)


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_period_must_have_a_length_of_at_most_a_year(days: int) -> None:
    check_period(END - timedelta(days=366), END)
    with pytest.raises(UsageError, match="at most 366 days ago"):
        check_period(END - timedelta(days=days), END)
