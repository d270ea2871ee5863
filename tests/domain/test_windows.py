"""Freeze windows: occurrences in local time, and the state that several windows give."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.recurrence import Recurrence, Span
from engine.domain.windows import Schedule, Window, WindowKind, show_local

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def starts(times: Recurrence, first: str, last: str) -> list[str]:
    return [f"{start:%m-%d %H:%M}" for start, _ in times.spans(at(first), at(last))]


def test_weekly_window_keeps_its_wall_time_over_a_change_of_the_offset() -> None:
    weekly = Recurrence(BERLIN, local("2026-03-20T22:00"), "FREQ=WEEKLY", seconds=3600)

    found = starts(weekly, "2026-03-01", "2026-04-04")

    assert found == ["03-20 21:00", "03-27 21:00", "04-03 20:00"]


@pytest.mark.parametrize(
    ("day", "start"), [("2026-03-29", "03-29 01:30"), ("2026-10-25", "10-25 00:30")]
)
def test_time_in_the_gap_or_the_fold_has_one_meaning(day: str, start: str) -> None:
    daily = Recurrence(BERLIN, local("2026-03-01T02:30"), "FREQ=DAILY", seconds=600)

    found = list(daily.spans(at(day), at(day) + timedelta(hours=20)))

    assert [f"{begins:%m-%d %H:%M}" for begins, _ in found] == [start]


def test_dtend_is_wall_time_and_a_duration_is_absolute() -> None:
    start = local("2026-03-27T22:00")
    by_wall = Recurrence(BERLIN, start, end=local("2026-03-30T10:00"))
    absolute = Recurrence(BERLIN, start, seconds=60 * 3600)

    ends = [
        [end for _, end in each.spans(at("2026-03-28"), at("2026-03-29"))]
        for each in (by_wall, absolute)
    ]

    assert ends == [[at("2026-03-30T08:00")], [at("2026-03-30T09:00")]]


def test_until_in_utc_is_compared_in_the_zone() -> None:
    rule = "FREQ=DAILY;UNTIL=20260321T210000Z"
    daily = Recurrence(BERLIN, local("2026-03-20T22:00"), rule, seconds=60)

    assert starts(daily, "2026-03-01", "2026-05-01") == ["03-20 21:00", "03-21 21:00"]


RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=HOURLY;INTERVAL=7",
    "FREQ=WEEKLY;BYDAY=MO,FR;WKST=SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
    "FREQ=YEARLY;INTERVAL=2;BYMONTH=3,12",
    "FREQ=YEARLY;BYWEEKNO=20",
    "FREQ=DAILY;COUNT=40",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=TH;WKST=SU",
    "FREQ=WEEKLY;INTERVAL=3",
    "FREQ=HOURLY;INTERVAL=7;COUNT=400",
    "FREQ=MONTHLY;INTERVAL=5",
    "FREQ=YEARLY;INTERVAL=2;UNTIL=20250601T000000",
]


def expand(times: Recurrence, start: datetime, end: datetime) -> list[Span]:
    """All occurrences from the first one on, without any shortcut."""
    zone = ZoneInfo(times.zone)
    last = end.astimezone(zone).replace(tzinfo=None) + timedelta(days=2)
    found = []
    for begin in rrulestr(times.rule or "", dtstart=times.start).between(
        times.start, last, inc=True
    ):
        begins = begin.replace(tzinfo=zone).astimezone(UTC)
        ends = begins + timedelta(seconds=times.seconds or 0)
        if times.end is not None:
            ends = (begin + (times.end - times.start)).replace(tzinfo=zone).astimezone(UTC)
        if begins >= ends:
            begins = begin.replace(tzinfo=zone, fold=1).astimezone(UTC)
            while begins.astimezone(zone).replace(tzinfo=None) < begin:
                begins += timedelta(minutes=1)
        if begins < ends and begins < end and ends > start:
            found.append((begins, ends))
    return found


@settings(max_examples=100, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    start=st.datetimes(datetime(2019, 1, 1), datetime(2021, 12, 31)),
    hours=st.integers(1, 24 * 9),
    wall=st.booleans(),
    when=st.datetimes(datetime(2019, 1, 1), datetime(2026, 12, 31)),
    days=st.integers(1, 60),
)
def test_occurrences_are_those_of_a_full_expansion(
    rule: str, zone: str, start: datetime, hours: int, wall: bool, when: datetime, days: int
) -> None:
    start = start.replace(microsecond=0, second=0)
    first = next(iter(rrulestr(rule, dtstart=start)))
    length = timedelta(hours=hours)
    times = Recurrence(
        zone,
        first,
        rule,
        first + length if wall else None,
        None if wall else hours * 3600,
    )
    begin = when.replace(tzinfo=UTC)

    found = list(times.spans(begin, begin + timedelta(days=days)))

    assert found == expand(times, begin, begin + timedelta(days=days))


def window(name: str, kind: str, start: str, end: str, **more: str) -> Window:
    times = Recurrence("UTC", local(start), end=local(end))
    return Window(name, WindowKind(kind), times, **more)  # type: ignore[arg-type]


DENY = window("audit", "deny", "2026-05-05T10:00", "2026-05-05T12:00", reason="audit")
MAY = window("may", "allow", "2026-05-01T00:00", "2026-06-01T00:00")
JULY = window("july", "allow", "2026-07-01T00:00", "2026-08-01T00:00")


@pytest.mark.parametrize(
    ("time", "closed_by"),
    [
        ("2026-04-30T23:59:59", "may"),
        ("2026-05-01T00:00", None),
        ("2026-05-05T09:59:59", None),
        ("2026-05-05T10:00", "audit"),
        ("2026-05-05T11:59:59", "audit"),
        ("2026-05-05T12:00", None),
        ("2026-06-01T00:00", "may"),
        ("2026-07-01T00:00", None),
        ("2026-08-01T00:00", "may"),
    ],
)
def test_deny_wins_and_outside_all_that_allow_is_closed(time: str, closed_by: str | None) -> None:
    found = Schedule("promote", (MAY, DENY, JULY)).closed_by(at(time))

    assert (found.name if found else None) == closed_by


def test_next_opening_and_closing_are_those_of_all_windows() -> None:
    schedule = Schedule("promote", (MAY, DENY, JULY))

    seen = [
        schedule.outlook(at(t))
        for t in ("2026-04-01", "2026-05-04", "2026-05-05T11:00", "2026-08-02")
    ]

    assert [(each.opens_at, each.closes_at) for each in seen] == [
        (at("2026-05-01"), at("2026-05-05T10:00")),
        (at("2026-05-05T12:00"), at("2026-05-05T10:00")),
        (at("2026-05-05T12:00"), at("2026-06-01")),
        (None, None),
    ]


def test_windows_that_touch_are_one_closed_time() -> None:
    later = window("move", "deny", "2026-05-05T12:00", "2026-05-06T00:00")

    assert Schedule("promote", (DENY, later)).outlook(at("2026-05-05T11:00")).opens_at == at(
        "2026-05-06"
    )


def test_unreadable_calendar_denies_and_never_allows() -> None:
    freeze = Window("holidays", WindowKind.DENY, calendar="h.ics")
    allowed = Window("slots", WindowKind.ALLOW, calendar="s.ics")
    spans = ((at("2026-05-01"), at("2026-05-02")),)

    def closed(window: Window, reading: object, time: str) -> bool:
        readings = {} if reading is None else {window.name: reading}
        schedule = Schedule("promote", (window,), readings)  # type: ignore[arg-type]
        return schedule.closed_by(at(time)) is not None

    assert closed(freeze, "no answer", "2026-06-01") and closed(freeze, None, "2026-06-01")
    assert closed(allowed, "no answer", "2026-06-01") and closed(allowed, None, "2026-06-01")
    assert [closed(freeze, spans, day) for day in ("2026-05-01", "2026-05-02")] == [True, False]
    assert [closed(allowed, spans, day) for day in ("2026-05-01", "2026-05-02")] == [False, True]
    outlook = Schedule("promote", (freeze,), {"holidays": "no answer"}).outlook(at("2026-06-01"))
    assert (outlook.fault, outlook.opens_at) == ("no answer", None)


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from(WindowKind),
            st.integers(0, 200),
            st.integers(1, 60),
            st.sampled_from([None, "FREQ=DAILY;INTERVAL=2", "FREQ=WEEKLY"]),
        ),
        min_size=1,
        max_size=5,
    ),
    hour=st.integers(-50, 400),
)
def test_changes_are_where_the_state_of_each_hour_changes(
    kinds: list[tuple[WindowKind, int, int, str | None]], hour: int
) -> None:
    begin = local("2026-05-01")
    windows = tuple(
        Window(f"w{i}", kind, Recurrence("UTC", begin + start * HOUR, rule, seconds=length * 3600))
        for i, (kind, start, length, rule) in enumerate(kinds)
    )
    schedule = Schedule("promote", windows)
    now = at("2026-05-01") + hour * HOUR
    hours = [now + i * HOUR for i in range(24 * 20)]
    is_open = [schedule.closed_by(each) is None for each in hours]
    changes = [
        (two, state)
        for (two, (was, state)) in zip(hours[1:], pairwise(is_open), strict=True)
        if was != state
    ]

    outlook = schedule.outlook(now)

    assert (outlook.closed_by is None) == is_open[0]
    for state, found in ((True, outlook.opens_at), (False, outlook.closes_at)):
        expected = next((time for time, opens in changes if opens is state), None)
        assert found == expected or (expected is None and found is not None and found > hours[-1])


def test_times_are_shown_with_their_zone() -> None:
    assert show_local(at("2026-03-30T08:00"), BERLIN) == "2026-03-30 10:00 Europe/Berlin"
