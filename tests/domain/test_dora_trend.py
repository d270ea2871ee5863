"""Figures of delivery over time, from plain records."""

from datetime import timedelta

from engine.domain.dora import figures_of, measure_promotions
from engine.domain.dora_trend import make_span, split_into_spans
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.record import PromotionRecord
from engine.domain.record_base import ApprovalRecord
from tests.domain.test_dora import BEGIN, END, promoted, rolled_back

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def approved(record: PromotionRecord, hours: float) -> PromotionRecord:
    """Let `record` wait `hours` for its approval."""
    given = record.at - HOUR
    approval = ApprovalRecord(
        operator="bob",
        operator_id="bob",
        identity_source=record.identity_source,
        authorized_via="group",
        approved_at=given,
        interface="web",
    )
    waited = {"approvals": (approval,), "requested_at": given - hours * HOUR}
    return record.model_copy(update=waited)


def with_gates(record: PromotionRecord, *seconds: int) -> PromotionRecord:
    gates = [
        GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED, duration_ms=1000 * each)
        for each in seconds
    ]
    skipped = GateResult(gate=GateKind.SECURITY_SCAN, status=GateStatus.SKIPPED, duration_ms=0)
    return record.model_copy(update={"gate_results": (*gates, skipped)})


def test_spans_add_up_to_the_whole_period() -> None:
    oldest_first = (promoted(1, 0), promoted(2, 9.9), promoted(3, 29.9), rolled_back(3, 2, 29.95))
    found = measure_promotions(reversed(oldest_first), BEGIN, END)["prod"]

    spans = split_into_spans("prod", found, BEGIN, END, 3)

    assert [each.figures.deployments for each in spans] == [2, 0, 1]
    assert [each.figures.failed for each in spans] == [0, 0, 1]
    assert (spans[0].begin, spans[-1].end) == (BEGIN, END)
    [whole] = figures_of(["prod"], {"prod": found}, END - BEGIN)
    assert make_span("prod", found, BEGIN, END).figures == whole


def test_waiting_time_is_from_the_request_to_the_last_approval() -> None:
    oldest_first = (approved(promoted(1, 1), 2), approved(promoted(2, 2), 4), promoted(3, 3))
    found = measure_promotions(reversed(oldest_first), BEGIN, END)["prod"]

    assert make_span("prod", found, BEGIN, END).waiting == 3 * HOUR
    assert make_span("prod", found[2:], BEGIN, END).waiting is None


def test_gates_that_ran_have_median_durations() -> None:
    oldest_first = (with_gates(promoted(1, 1), 10), with_gates(promoted(2, 2), 20))
    found = measure_promotions(reversed(oldest_first), BEGIN, END)["prod"]

    assert make_span("prod", found, BEGIN, END).gates == {GateKind.TESTS: timedelta(seconds=15)}
