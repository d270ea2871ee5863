"""The events of calendars of freeze windows, and calendars that cannot be used."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.calendars import CachedCalendars
from engine.domain.windows import Reading

START = datetime(2026, 3, 20, tzinfo=UTC)
ZONE = """BEGIN:VTIMEZONE
TZID:Ours
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:{rule}
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
OUTLOOK = "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"


def event(name: int, rule: str, start: str = ";TZID=Europe/Berlin:20260320T003000") -> str:
    return f"BEGIN:VEVENT\nUID:{name}\nDTSTART{start}\nDURATION:PT1H\nRRULE:{rule}\nEND:VEVENT\n"


def read(tmp_path: Path, *parts: str) -> Reading:
    file = tmp_path / "a.ics"
    body = "".join(parts)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}END:VCALENDAR\n"
    file.write_text(text.replace("\n", "\r\n"))
    return CachedCalendars().read(str(file), START, START + timedelta(days=30))


@pytest.mark.parametrize(
    "rule", ["FREQ=WEEKLY;BYDAY=FR;UNTIL=20260404T000000Z", "FREQ=WEEKLY;BYDAY=FR;COUNT=3"]
)
def test_events_recur_by_the_clock_of_their_zone(tmp_path: Path, rule: str) -> None:
    found = read(tmp_path, event(1, rule))

    assert [f"{start:%m-%d %H:%M}" for start, _ in found if not isinstance(found, str)] == [
        "03-19 23:30",
        "03-26 23:30",
        "04-02 22:30",
    ]


def test_zone_of_the_calendar_is_used(tmp_path: Path) -> None:
    once = event(1, "FREQ=DAILY;COUNT=1", ";TZID=Ours:20260401T003000")

    found = read(tmp_path, ZONE.format(rule=OUTLOOK), once)

    assert [str(start) for start, _ in found if not isinstance(found, str)] == [
        "2026-03-31 22:30:00+00:00"
    ]


def test_many_yearly_days_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, *(event(i, "FREQ=YEARLY") for i in range(80)))

    assert not isinstance(found, str) and len(found) == 80


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([event(1, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")], "BYMONTH has another"),
        ([event(1, "FREQ=DAILY;BYSETPOS=2")], "must have BYSETPOS with FREQ=WEEKLY"),
        ([event(i, "FREQ=DAILY") for i in range(20)], "its events have about 219,640 occurrences"),
        ([ZONE.format(rule="FREQ=SECONDLY"), event(1, "FREQ=DAILY")], "not FREQ=YEARLY"),
        ([ZONE.format(rule="FREQ=SECON\n DLY"), event(1, "FREQ=DAILY")], "not FREQ=YEARLY"),
        ([ZONE.format(rule=OUTLOOK).replace("Ours", f"z{i}") for i in range(26)], "too many rules"),
    ],
)
def test_calendar_that_would_be_read_for_ages_is_unusable(
    tmp_path: Path, parts: list[str], problem: str
) -> None:
    found = read(tmp_path, *parts)

    assert isinstance(found, str) and problem in found


@pytest.mark.parametrize(
    "line",
    [
        "DTSTART;TZID=Foo/Bar:20260401T000000",
        "DTSTART:20260401T000000Z\nDTEND;TZID=Foo/Bar:20260402T000000",
        "DTSTART:20260401T000000Z\nRDATE;TZID=Foo/Bar:20260402T000000",
        "DTSTART:20260401T000000Z\nRDATE;TZID=Foo/Bar;VALUE=PERIOD:20260402T000000/PT5H",
        "DTSTART:20260401T000000Z\nRDATE:20260402T000000Z\nEXDATE;TZID=Foo/Bar:20260402T000000",
        "DTSTART:20260401T000000Z\nRECURRENCE-ID;TZID=Foo/Bar:20260402T000000",
    ],
)
def test_unknown_time_zone_makes_the_calendar_unreadable(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, f"BEGIN:VEVENT\nUID:1\n{line}\nEND:VEVENT\n")

    assert "has the unknown time zone Foo/Bar" in str(found)


def test_known_zones_and_periods_are_read(tmp_path: Path) -> None:
    lines = "DTSTART;TZID=Europe/Berlin:20260401T000000\nDTEND;TZID=Europe/Berlin:20260401T010000\n"
    lines += "RDATE;TZID=Europe/Berlin;VALUE=PERIOD:20260402T000000/PT5H"

    found = read(tmp_path, f"BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT\n")

    assert not isinstance(found, str) and len(found) == 2
