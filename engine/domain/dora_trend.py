"""How the figures of delivery of one environment move, computed from the ledgers only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.domain.dora import Figures, MeasuredPromotion, median_time, summarize
from engine.domain.gate import GateKind

WAITING = "median time from the request of a promotion to its last approval, gates included"
GATE_TIME = "median time of the gate in the promotions that it ran for"
Promotions = Sequence[MeasuredPromotion]


@dataclass(frozen=True, slots=True)
class Span:
    """
    The promotions from `begin` until `end` (UTC).

    `waiting` is the median time for approvals, `gates` that of each gate that ran.
    """

    begin: datetime
    end: datetime
    figures: Figures
    waiting: timedelta | None
    gates: Mapping[GateKind, timedelta]


def split_into_spans(
    environment: str, found: Promotions, since: datetime, until: datetime, count: int
) -> tuple[Span, ...]:
    """Split the time from `since` to `until` into `count` spans of equal length, oldest first."""
    length = (until - since) / count
    parts: list[list[MeasuredPromotion]] = [[] for _ in range(count)]
    for each in found:
        parts[min(int((each.at - since) / length), count - 1)].append(each)
    begins = [since + number * length for number in range(count)]
    return tuple(
        make_span(environment, part, begin, begin + length)
        for begin, part in zip(begins, parts, strict=True)
    )


def make_span(environment: str, found: Promotions, begin: datetime, end: datetime) -> Span:
    """Summarize the promotions to `environment` from `begin` until `end`."""
    figures = summarize(environment, found, end - begin)
    waiting = median_time([each.waiting for each in found if each.waiting is not None])
    times: dict[GateKind, list[timedelta]] = defaultdict(list)
    for each in found:
        for gate, time in each.gates:
            times[gate].append(time)
    medians = ((gate, median_time(each)) for gate, each in times.items())
    gates = {gate: time for gate, time in medians if time is not None}
    return Span(begin, end, figures, waiting, gates)
