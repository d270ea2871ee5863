"""Times of windows that are refused, and one that the clock skips."""

import json

import pytest

from engine.domain.policy_document import PolicyDocument
from engine.domain.recurrence import Recurrence
from tests.domain.test_windows import BERLIN, at, local


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("FREQ=SECONDLY", "must have a FREQ of YEARLY"),
        ("FREQ=MINUTELY;COUNT=2", "must have a FREQ of YEARLY"),
        ("FREQ=HOURLY", "has about 263,520 occurrences"),
        ("FREQ=HOURLY;UNTIL=20500101T000000Z", "has about 208,"),
        ("FREQ=DAILY;BYMINUTE=0,10,20,30,40,50", "has about 65,880 occurrences"),
        ("FREQ=DAILY;COUNT=5000", "must have a COUNT of at most 1000"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "first occurrence: BYMONTH has another"),
        ("FREQ=WEEKLY;BYDAY=MO", "first occurrence: that is 20260323T220000"),
        ("FREQ=DAILY;BYMONTHDAY=-1", "first occurrence: BYMONTHDAY has another"),
        ("FREQ=DAILY;BYWEEKNO=1", "must have BYWEEKNO with FREQ=YEARLY only"),
        ("FREQ=WEEKLY;INTERVAL=0", "must have a INTERVAL of 1 or more"),
        ("FREQ=WEEKLY;BYDAY=XX", "is not a rule of RFC 5545"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101T000000Z", "either COUNT or UNTIL"),
        ("FREQ=WEEKLY;FREQ=DAILY", "each of them once"),
        ("FREQ=DAILY;UNTIL=20270101", "must have an UNTIL with a time"),
        ("FREQ=DAILY;COUNT=5;BYSETPOS=2;BYMONTHDAY=20", "must have BYSETPOS with FREQ=WEEKLY"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=SA", "first occurrence: BYDAY has another"),
        ("FREQ=YEARLY;COUNT=900", "has only 31 of its 900 occurrences before 2056: use UNTIL"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "must have an UNTIL before the year 9999"),
        ("every friday", "must be parts like FREQ=WEEKLY;BYDAY=FR"),
        ("FREQ=DAILY\nRDATE:20260101", "must be parts like"),
    ],
)
def test_unusable_rule_is_refused(rule: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Recurrence(BERLIN, local("2026-03-20T22:00"), rule, seconds=60)


@pytest.mark.parametrize(
    ("zone", "end", "problem"),
    [
        ("Mars/Base", "2026-03-21T00:00", "names an unknown time zone"),
        ("../../etc/passwd", "2026-03-21T00:00", "names an unknown time zone"),
        (BERLIN, "2026-03-20T22:00", "must end after its start"),
        (BERLIN, "2027-03-30T22:00", "at most 366 days"),
    ],
)
def test_unusable_times_are_refused(zone: str, end: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Recurrence(zone, local("2026-03-20T22:00"), end=local(end))


@pytest.mark.parametrize("start", ["9998-01-01T00:00", "0999-01-01T00:00"])
def test_years_that_no_calendar_reaches_are_refused(start: str) -> None:
    with pytest.raises(ValueError, match="must start in the years 1900 to 2999"):
        Recurrence("UTC", local(start), "FREQ=DAILY", seconds=60)


def test_policy_document_with_windows_that_are_slow_to_search_is_refused() -> None:
    one = {"kind": "deny", "dtstart": "TZID=UTC:20260320T220000", "operations": ["promote"]}
    windows = [
        {**one, "name": f"w{i}", "seconds": 366 * 86400, "rrule": "FREQ=DAILY"} for i in range(50)
    ]
    rules = {"windows": windows, "environments": [], "identity": {}}

    with pytest.raises(ValueError, match="have about 54,900 occurrences in two years"):
        PolicyDocument(json.dumps(rules).encode())


def test_occurrence_that_starts_in_the_gap_closes_from_its_end() -> None:
    zone = "America/New_York"
    night = Recurrence(zone, local("2026-03-08T02:30"), end=local("2026-03-08T03:15"))

    found = list(night.spans(at("2026-03-08"), at("2026-03-09")))

    assert found == [(at("2026-03-08T07:00"), at("2026-03-08T07:15"))]
