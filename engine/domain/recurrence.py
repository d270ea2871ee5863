"""The times of a window: one occurrence, or those of an RRULE of RFC 5545."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, takewhile

from engine.domain.recurrence_rules import (
    DAY_PARTS,
    ENDLESS,
    MONTHS,
    STEPS,
    TIME_FORMAT,
    cost_of,
    find_zone,
    is_plain,
    join_parts,
    number_of,
    parse_rule,
    parts_of,
    until_of,
)

# The start and end of an occurrence in UTC; the end is no part of it.
Span = tuple[datetime, datetime]
# The occurrences of all windows in two years: more of them make a status slow.
MOST_TOGETHER = 20_000
_YEARS = range(1900, 3000)
_TWO_YEARS = timedelta(days=731)
MAX_LENGTH = timedelta(days=366)
_DAY = timedelta(days=1)
# Leap days have gaps of eight years.
_SEARCHED = timedelta(days=9 * 366)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """
    Occurrences that begin at `start`, and at the other times of the RRULE `rule` if there is one.

    Times are wall times in `zone`, without a tzinfo. An occurrence ends at the wall time `end`, or
    an absolute time of `seconds` after its start. A wall time that is skipped has the offset before
    the gap, and of one that occurs twice the first is meant. An occurrence that would so start at
    its end or later starts with the end of the gap. ValueError for a rule that cannot be used, or
    has more than 50,000 occurrences.
    """

    zone: str
    start: datetime
    rule: str | None = None
    end: datetime | None = None
    seconds: int | None = None

    def __post_init__(self) -> None:
        find_zone(self.zone)
        if self.start.year not in _YEARS:
            raise ValueError(f"must start in the years {_YEARS[0]} to {_YEARS[-1]}")
        if not timedelta(0) < self.length <= MAX_LENGTH:
            raise ValueError("must end after its start, and at most 366 days later")
        if self.rule is not None:
            first = next(self._starts(self.start, self.start + _SEARCHED), None)
            if first != self.start:
                found = f"that is {first.strftime(TIME_FORMAT)}" if first else "it has none"
                raise ValueError(f"must have dtstart as its first occurrence: {found}")

    @property
    def length(self) -> timedelta:
        """The length of an occurrence, by wall time if it has an `end`."""
        return self.end - self.start if self.end else timedelta(seconds=self.seconds or 0)

    @property
    def cost(self) -> int:
        """About how many occurrences are searched to describe two years."""
        if self.rule is None:
            return 1
        return cost_of(parts_of(self.rule), _TWO_YEARS + self.length)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Iterate over the occurrences that overlap `start` to `end`, in the order of starts."""
        zone = find_zone(self.zone)
        # A change of the offset moves starts and ends by hours.
        first = start.astimezone(zone).replace(tzinfo=None) - self.length - _DAY
        last = end.astimezone(zone).replace(tzinfo=None) + _DAY
        for local in self._starts(first, last):
            begins = _to_utc(local, zone)
            if self.end is not None:
                ends = _to_utc(local + self.length, zone)
            else:
                ends = begins + self.length
            if begins >= ends:
                begins = _end_of_gap(local, zone)
            if begins < ends and begins < end and ends > start:
                yield begins, ends

    def _starts(self, first: datetime, last: datetime) -> Iterator[datetime]:
        if self.rule is None:
            yield from [self.start] if first <= self.start <= last else []
            return
        rule, parts = parse_rule(self.rule, self.start, self.zone), parts_of(self.rule)
        # Without an end, a rule that matches no later time would be searched for ages.
        end = min(filter(None, (last, rule._until)))
        if is_plain(parts, self.start):
            # The library needs ten times as long.
            yield from _plain_starts(parts, self.start, first, end)
            return
        begin, own = _jump(parts, self.start, first)
        rule = rule.replace(dtstart=begin, until=end, **own)
        yield from takewhile(lambda local: local <= last, rule.xafter(first, inc=True))


def check_rule(text: str, start: datetime) -> int:
    """
    Check the RRULE of an event that starts at `start`; ValueError if it cannot be used.

    Returns about how many occurrences must be searched. A time without tzinfo is local.
    """
    parts = {**parts_of(text)}
    if len(parts.get("UNTIL", "")) == len("20261231"):
        parts["UNTIL"] += "T000000"
    first, until = start.replace(tzinfo=None), until_of(parts, "UTC")
    if until:
        if start.tzinfo and parts["UNTIL"].endswith("Z"):
            until = until.replace(tzinfo=UTC).astimezone(start.tzinfo).replace(tzinfo=None)
        parts["UNTIL"] = until.strftime(TIME_FORMAT)
    Recurrence("UTC", first, join_parts(parts), seconds=1)
    return cost_of(parts, until - first if until else ENDLESS)


def check_together(all_times: Iterable[Recurrence]) -> None:
    """ValueError if so many times cannot be searched in a short time."""
    total = sum(each.cost for each in all_times)
    if total > MOST_TOGETHER:
        raise ValueError(
            f"have about {total:,} occurrences in two years, and at most {MOST_TOGETHER:,} can be "
            "used: use fewer windows, or longer intervals"
        )


def _plain_starts(
    parts: Mapping[str, str], start: datetime, first: datetime, last: datetime
) -> Iterator[datetime]:
    """The occurrences from `first` to `last` of a rule that has only a frequency."""
    frequency, interval = parts["FREQ"], number_of(parts, "INTERVAL")
    if frequency in STEPS:
        step = STEPS[frequency] * interval
        local = start + max(-((start - first) // step), 0) * step
        while local <= last:
            yield local
            local += step
        return
    months = MONTHS[frequency] * interval
    passed = (first.year - start.year) * 12 + first.month - start.month
    for month in count(start.month - 1 + max(passed, 0) // months * months, months):
        year = start.year + month // 12
        if year > last.year:
            return
        # A month without the day has no occurrence.
        with suppress(ValueError):
            local = start.replace(year=year, month=month % 12 + 1)
            if first <= local <= last:
                yield local


def _jump(
    parts: Mapping[str, str], start: datetime, first: datetime
) -> tuple[datetime, dict[str, int]]:
    """
    Find a later start of the same rule before `first`, so that earlier years are not counted.

    Returns the start, and the day that the rule would take from its own start.
    """
    if first <= start:
        return start, {}
    frequency, interval = parts["FREQ"], number_of(parts, "INTERVAL")
    if frequency in STEPS:
        step = STEPS[frequency] * interval
        # BYSETPOS counts only from the start on in the first week, so that is an earlier one.
        return start + max((first - start) // step - 1, 0) * step, {}
    step_months = MONTHS[frequency] * interval
    passed = (first.year - start.year) * 12 + first.month - start.month
    month = start.month - 1 + passed // step_months * step_months
    # Periods are counted from their month; its first days come before the first occurrence.
    begin = start.replace(year=start.year + month // 12, month=month % 12 + 1, day=1)
    if begin <= start or any(key in parts for key in DAY_PARTS):
        return max(begin, start), {}
    own = {"bymonthday": start.day}
    if frequency == "YEARLY" and "BYMONTH" not in parts:
        own["bymonth"] = start.month
    return begin, own


def _to_utc(local: datetime, zone: tzinfo) -> datetime:
    # Eight times as fast as `replace`.
    return datetime.combine(local.date(), local.time(), zone).astimezone(UTC)


def _end_of_gap(local: datetime, zone: tzinfo) -> datetime:
    """The end in UTC of the gap in which the skipped time `local` is."""
    low, high = (_to_utc(local.replace(fold=fold), zone) for fold in (1, 0))
    later = high.astimezone(zone).utcoffset()
    moments = range(int((high - low).total_seconds()) + 1)
    passed = bisect_left(
        moments,
        True,
        key=lambda each: (low + timedelta(seconds=each)).astimezone(zone).utcoffset() == later,
    )
    return low + timedelta(seconds=passed)
