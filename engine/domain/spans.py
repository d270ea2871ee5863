"""Spans of time, which are found while they are needed."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from heapq import heappop, heappush, merge

from engine.domain.recurrence import Span

# A change of the offset can put an occurrence before an earlier one.
_LONGEST_GAP = timedelta(days=1)


def join_spans(sources: Iterable[Iterable[Span]]) -> Iterator[Span]:
    """Join the spans of all `sources` that overlap or touch; each source is by local starts."""
    joined: Span | None = None
    for start, end in merge(*map(_in_order, sources)):
        if joined is None or start > joined[1]:
            if joined is not None:
                yield joined
            joined = start, end
        elif end > joined[1]:
            joined = joined[0], end
    if joined is not None:
        yield joined


def subtract_spans(spans: Iterable[Span], removed: Iterable[Span]) -> Iterator[Span]:
    """Leave the parts of `spans` that are in none of `removed`; both are joined."""
    rest = iter(removed)
    gap = next(rest, None)
    for start, end in spans:
        while gap is not None and gap[1] <= start:
            gap = next(rest, None)
        while gap is not None and gap[0] < end:
            if start < gap[0]:
                yield start, gap[0]
            start = gap[1]
            if start >= end:
                break
            gap = next(rest, None)
        if start < end:
            yield start, end


def _in_order(spans: Iterable[Span]) -> Iterator[Span]:
    waiting: list[Span] = []
    for span in spans:
        while waiting and waiting[0][0] + _LONGEST_GAP < span[0]:
            yield heappop(waiting)
        heappush(waiting, span)
    while waiting:
        yield heappop(waiting)
