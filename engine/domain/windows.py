"""Freeze windows: the times at which an environment may be changed, and at which it may not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from engine.domain.recurrence import Recurrence, Span
from engine.domain.recurrence_rules import find_zone
from engine.domain.spans import join_spans, subtract_spans

# The next opening or closing is searched up to this time.
HORIZON = timedelta(days=731)
OPERATIONS = ("promote", "rollback")
# The occurrences of a calendar, or the reason why it cannot be read.
Reading = tuple[Span, ...] | str


class WindowKind(StrEnum):
    """Whether changes are possible only in a window, or not in it."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Window:
    """
    A window with its `times`, or with those of a `calendar`: a path or an https URL.

    Without `environments` it is for all of them. `calendar_text` is the calendar as its rules name
    it, without the values of variables.
    """

    name: str
    kind: WindowKind
    times: Recurrence | None = None
    environments: frozenset[str] | None = None
    operations: frozenset[str] = frozenset({"promote"})
    reason: str = ""
    contact: str = ""
    calendar: str | None = field(default=None, repr=False)
    calendar_text: str = ""

    @property
    def zone(self) -> str:
        return self.times.zone if self.times else "UTC"

    def applies(self, environment: str) -> bool:
        return self.environments is None or environment in self.environments


@dataclass(frozen=True, slots=True)
class Outlook:
    """
    Whether an environment is open for an operation, and the next changes.

    `closed_by` is the name of a window: one that denies, or the first one that would allow, and
    `outside` in that case. It is None while the environment is open. `fault` is the reason why a
    calendar cannot be read. A next change later than two years is None.
    """

    operation: str
    closed_by: str | None = None
    outside: bool = False
    fault: str = ""
    reason: str = ""
    contact: str = ""
    zone: str = "UTC"
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    @property
    def note(self) -> str:
        """The state and the next change, for people; empty if it is open for two years."""
        if self.closed_by is None:
            return f"closes {show_local(self.closes_at, self.zone)}" if self.closes_at else ""
        until = f" until {show_local(self.opens_at, self.zone)}" if self.opens_at else ""
        outside = "outside the window" if self.outside else "by"
        return f"closed{until} {outside} '{self.closed_by}'"

    @property
    def explanation(self) -> str:
        """The reason and the contact, or why the calendar cannot be read; empty without them."""
        contact = f"Contact: {self.contact}" if self.contact else ""
        fault = f"Its calendar cannot be read: {self.fault}" if self.fault else ""
        return ". ".join(filter(None, (fault, self.reason, contact)))


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    The windows of one environment and operation; `readings` are those of calendars, by name.

    Windows that deny win. If there are windows that allow, it is closed outside them. A calendar
    that cannot be read always denies, and never allows.
    """

    operation: str
    windows: tuple[Window, ...]
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def closed_by(self, at: datetime) -> Window | None:
        """The window that closes it at the time `at`; None if it is open."""
        for window in self._of_kind(WindowKind.DENY):
            if self._fault(window) or any(self._spans(window, at, at)):
                return window
        allowing = self._of_kind(WindowKind.ALLOW)
        if not allowing or any(any(self._spans(each, at, at)) for each in allowing):
            return None
        return next((each for each in allowing if self._fault(each)), allowing[0])

    def outlook(self, at: datetime) -> Outlook:
        """Describe it at the time `at`, with the next changes."""
        closing, changes = self.closed_by(at), self._next_changes(at)
        shown = closing or self.windows[0]
        return Outlook(
            operation=self.operation,
            closed_by=closing.name if closing else None,
            outside=closing is not None and closing.kind is WindowKind.ALLOW,
            fault=self._fault(closing) if closing else "",
            reason=closing.reason if closing else "",
            contact=closing.contact if closing else "",
            zone=shown.zone,
            opens_at=next((time for time, is_open in changes if is_open), None),
            closes_at=next((time for time, is_open in changes if not is_open), None),
        )

    def _next_changes(self, at: datetime) -> list[tuple[datetime, bool]]:
        """The next two times after `at` at which it opens (True) or closes."""
        end = at + HORIZON
        edges = (
            (time, is_open)
            for span in self._open_spans(at, end)
            for time, is_open in zip(span, (True, False), strict=True)
            if at < time <= end
        )
        return list(islice(edges, 2))

    def _open_spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Find the spans from `start` to `end` in which it is open, one after the other."""
        denying, allowing = map(self._of_kind, (WindowKind.DENY, WindowKind.ALLOW))
        if any(map(self._fault, denying)):
            return iter(())
        closed = join_spans(self._spans(each, start, end) for each in denying)
        if not allowing:
            return subtract_spans([(start, end + timedelta(days=1))], closed)
        return subtract_spans(
            join_spans(self._spans(each, start, end) for each in allowing), closed
        )

    def _of_kind(self, kind: WindowKind) -> tuple[Window, ...]:
        return tuple(each for each in self.windows if each.kind is kind)

    def _fault(self, window: Window) -> str:
        reading = () if window.times else self.readings.get(window.name, "it was not read")
        return reading if isinstance(reading, str) else ""

    def _spans(self, window: Window, start: datetime, end: datetime) -> Iterable[Span]:
        # A moment is a span, so that an occurrence that ends there does not count.
        end = max(end, start + timedelta(microseconds=1))
        if window.times is not None:
            return window.times.spans(start, end)
        reading = self.readings.get(window.name, ())
        spans = () if isinstance(reading, str) else reading
        return (span for span in spans if span[0] < end and span[1] > start)


def schedule_of(
    windows: Iterable[Window], operation: str, readings: Mapping[str, Reading]
) -> Schedule | None:
    """Those of `windows` that are about `operation`; None without one."""
    found = tuple(each for each in windows if operation in each.operations)
    return Schedule(operation, found, readings) if found else None


def known_schedule(windows: Iterable[Window], operation: str) -> Schedule | None:
    """
    The windows whose times are known without reading calendars; None without one.

    Windows that allow say nothing if one of them is a calendar, which may allow more.
    """
    about = tuple(each for each in windows if operation in each.operations)
    unknown = any(each.times is None for each in about if each.kind is WindowKind.ALLOW)
    known = tuple(
        each for each in about if each.times and not (unknown and each.kind is WindowKind.ALLOW)
    )
    return Schedule(operation, known) if known else None


def outlooks(
    windows: Iterable[Window], readings: Mapping[str, Reading], at: datetime
) -> tuple[Outlook, ...]:
    """Describe each operation that some of the `windows` of an environment are about."""
    schedules = (schedule_of(windows, each, readings) for each in OPERATIONS)
    return tuple(each.outlook(at) for each in schedules if each)


def show_local(time: datetime, zone: str) -> str:
    """Write `time` in `zone`: `2026-03-30 10:00 Europe/Berlin`."""
    return f"{time.astimezone(find_zone(zone)):%Y-%m-%d %H:%M} {zone}"
