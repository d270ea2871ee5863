"""Searches 50 freeze windows for the next changes, in processor time, beside dateutil."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import process_time

from dateutil.rrule import rruleset, rrulestr

from bench.rows import Row, beside
from engine.domain.recurrence import Recurrence
from engine.domain.windows import HORIZON, Schedule, Window, WindowKind

_COUNT = 50
_RUNS = 20
_NOW = datetime(2026, 12, 1, tzinfo=UTC)
# The rule, the first start, the distance of the starts and the length of each window.
_SETS = {
    "weekends, all alike": ("FREQ=WEEKLY", "2026-03-20T22:00", timedelta(minutes=1), 56),
    "parts of a week, never open": ("FREQ=WEEKLY", "2026-03-20T22:00", timedelta(hours=4), 5),
    "a week in each year": ("FREQ=YEARLY", "2020-01-01T00:00", timedelta(days=7), 168),
    "the last Friday of each month": (
        "FREQ=MONTHLY;BYDAY=-1FR",
        "2026-03-27T09:00",
        timedelta(minutes=1),
        24,
    ),
}


def rows() -> Iterator[Row]:
    for name, given in _SETS.items():
        windows = tuple(_windows(*given))
        found = _best(lambda windows=windows: Schedule("promote", windows).outlook(_NOW))
        peer = _best(lambda windows=windows: _expand(windows))
        yield Row(f"{_COUNT} windows over two years, {name}", found, "ms")
        yield beside(f"the same, {name}", found / 1000, "expansion by dateutil", peer / 1000)


def _windows(rule: str, first: str, distance: timedelta, hours: int) -> Iterator[Window]:
    for number in range(_COUNT):
        start = datetime.fromisoformat(first) + number * distance
        times = Recurrence("Europe/Berlin", start, rule, end=start + timedelta(hours=hours))
        yield Window(f"w{number}", WindowKind.DENY, times)


def _expand(windows: tuple[Window, ...]) -> int:
    """Count the starts in two years; the library knows neither ends nor zones of these rules."""
    every = rruleset()
    for each in windows:
        if each.times and each.times.rule:
            every.rrule(rrulestr(each.times.rule, dtstart=each.times.start))
    now = _NOW.replace(tzinfo=None)
    return len(every.between(now, now + HORIZON))


def _best(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_RUNS):
        started = process_time()
        act()
        seconds.append(process_time() - started)
    return min(seconds) * 1000
