"""Spans of time are joined and subtracted like sets of moments."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.recurrence import Recurrence, Span
from engine.domain.spans import join_spans, subtract_spans
from tests.domain.test_windows import BERLIN, at, local

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8)


def spans(drawn: list[tuple[int, int]]) -> list[Span]:
    hour = timedelta(hours=1)
    return sorted((NOON + a * hour, NOON + (a + b) * hour) for a, b in drawn)


def hours(found: list[Span]) -> set[datetime]:
    every = (NOON + timedelta(hours=number) for number in range(90))
    return {each for each in every if any(start <= each < end for start, end in found)}


@settings(deadline=None)
@given(st.lists(SPANS, max_size=4), SPANS)
def test_open_time_is_what_is_joined_and_not_removed(drawn, removed):
    sources = [spans(each) for each in drawn]
    joined = list(join_spans(sources))
    left = list(subtract_spans(joined, join_spans([spans(removed)])))

    assert hours(joined) == hours([span for source in sources for span in source])
    assert hours(left) == hours(joined) - hours(spans(removed))
    for found in (joined, left):
        assert all(first[1] <= second[0] for first, second in pairwise(found))
    assert all(first[1] < second[0] for first, second in pairwise(joined))


def test_times_that_the_clock_skips_are_put_in_order():
    half_hours = Recurrence(
        BERLIN, local("2026-03-29T00:00"), "FREQ=HOURLY;UNTIL=20260329T050000;BYMINUTE=0,30",
        seconds=600,
    )  # fmt: skip
    found = list(half_hours.spans(at("2026-03-28"), at("2026-03-30")))
    assert found != sorted(found)

    joined = list(join_spans([found]))

    assert joined == sorted(set(found))
