"""The audit judges the ends of waivers, and the waivers that promotions used."""

from datetime import datetime, timedelta

import pytest

from engine.audit.record_rules import judge_record
from engine.domain.audit import RemarkKind
from engine.domain.record import AnyRecord
from engine.domain.state import EMPTY, EnvironmentState
from engine.domain.waiver import Waiver
from tests.checks.contexts import entry
from tests.domain.records import AT, SCAN, a_promotion, a_waiver

WAIVED = "CVE-2026-1 in pkg:npm/lodash"


def judged(record: AnyRecord, state: EnvironmentState = EMPTY) -> list[str]:
    before = entry(a_waiver(), state)
    found = judge_record(before, entry(record), None)
    return [fact for kind, fact in found if kind is RemarkKind.OVERRIDE]


def waiver_until(end: datetime, requested_at: datetime | None = None) -> AnyRecord:
    record = a_waiver()
    terms = record.terms.model_copy(update={"until": end})
    return record.model_copy(update={"terms": terms, "requested_at": requested_at})


def test_waiver_of_more_than_90_days_is_reported() -> None:
    longest = AT + timedelta(days=90)

    assert judged(waiver_until(longest)) == []
    [found] = judged(waiver_until(longest + timedelta(days=1)))
    assert "which is more than 90 days after its request" in found
    assert judged(waiver_until(longest, requested_at=AT - timedelta(days=1))) != []


@pytest.mark.parametrize(
    ("package", "ends", "reported"),
    [
        ("pkg:npm/lodash", timedelta(days=1), False),
        # The clocks of servers may differ.
        ("pkg:npm/lodash", -timedelta(minutes=1), False),
        ("pkg:npm/lodash", -timedelta(days=1), True),
        ("pkg:npm/other", timedelta(days=1), True),
    ],
)
def test_promotion_with_a_waiver_that_was_not_in_force_is_reported(
    package: str, ends: timedelta, reported: bool
) -> None:
    held = Waiver(
        vulnerability="CVE-2026-1",
        package=package,
        until=AT + ends,
        operator="alice",
        reason="not reachable",
        record="r",
    )
    used = SCAN.model_copy(update={"details": {"waived": [{"waiver": WAIVED}]}})

    found = judged(a_promotion(gate_results=(SCAN, used)), EnvironmentState(waivers=(held,)))

    assert bool(found) is reported
    assert all(f"with a waiver of {WAIVED}, which was not in force in prod" in f for f in found)
