"""Calendars (RFC 5545) in files and at URLs, whose events are the times of freeze windows."""

import re
import time
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import recurring_ical_events

from engine.domain.recurrence import Span, check_rule
from engine.domain.recurrence_rules import MOST_OCCURRENCES, check_zone_rule, find_zone
from engine.domain.windows import Reading
from engine.runtime import bounded_http

_MAX_BYTES = 1024 * 1024
_SECONDS = 10.0
_KEPT_SECONDS = 300.0
_RETRY_SECONDS = 30.0
_MAX_ZONE_RULES = 50
_TIMES = ("DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID")
_LINES = re.MULTILINE | re.IGNORECASE


class CalendarError(Exception):
    """The reason why a calendar cannot be read, without its address."""


class CachedCalendars:
    """Reads each calendar at most once in five minutes, or in 30 s if it could not be read."""

    def __init__(self) -> None:
        self._locks: dict[str, Lock] = {}
        self._known: dict[str, tuple[float, Reading]] = {}

    def read(self, calendar: str, start: datetime, end: datetime) -> Reading:
        # A slow calendar holds up only those who need it.
        with self._locks.setdefault(calendar, Lock()):
            now = time.monotonic()
            until, reading = self._known.get(calendar, (0.0, ""))
            if now < until:
                return reading
            try:
                # Events that begin later are met by the next reading.
                reading = _events(_content(calendar), start - timedelta(days=1), end)
            except CalendarError as error:
                reading = str(error)
            kept = _RETRY_SECONDS if isinstance(reading, str) else _KEPT_SECONDS
            self._known[calendar] = now + kept, reading
            return reading


def _content(calendar: str) -> bytes:
    if calendar.startswith("https://"):
        return _download(calendar)
    try:
        with Path(calendar).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CalendarError(f"the file cannot be read ({type(error).__name__})") from error
    if len(content) > _MAX_BYTES:
        raise CalendarError(f"it is larger than {_MAX_BYTES} bytes")
    return content


def _download(url: str) -> bytes:
    try:
        with bounded_http.open_client(timeout=_SECONDS) as client:
            request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
            answer = bounded_http.exchange(client, request, _SECONDS, _MAX_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CalendarError(f"its server gave no answer ({type(error).__name__})") from error
    if answer.status_code != httpx.codes.OK:
        raise CalendarError(f"its server answered {answer.status_code}")
    return answer.content


def _events(content: bytes, start: datetime, end: datetime) -> tuple[Span, ...]:
    try:
        _check_zones(content)
        calendar = icalendar.Calendar.from_ical(content)
        _check_times(calendar)
        cost = sum(map(_cost, calendar.walk("VEVENT")))
        if cost > MOST_OCCURRENCES:
            raise ValueError(f"its events have about {cost:,} occurrences")
        events = recurring_ical_events.of(calendar).between(start, end)
        zone = find_zone(str(calendar.get("X-WR-TIMEZONE", "UTC")))
        spans = [(_utc(e.start, zone), _utc(e.end, zone)) for e in events if not _is_void(e)]
    except Exception as error:
        # Parsers of calendars raise errors of any type.
        raise CalendarError(f"it is not a usable calendar ({error})"[:200]) from error
    return tuple(sorted(span for span in spans if span[0] < span[1]))


def _check_zones(content: bytes) -> None:
    """Check the rules of time zones, which the parser expands while it reads them."""
    text = re.sub(r"(\r?\n)+[ \t]", "", content.decode(errors="replace"))
    rules = [
        rule
        for part in re.findall(r"^BEGIN:(?:STANDARD|DAYLIGHT)\b(.*?)^END:", text, _LINES | re.S)
        for rule in re.findall(r"^RRULE[^:\n]*:([^\r\n]*)", part, _LINES)
    ]
    if len(rules) > _MAX_ZONE_RULES:
        raise ValueError("its time zones have too many rules")
    for rule in rules:
        check_zone_rule(rule)


def _check_times(calendar: Any) -> None:
    """Refuse times in an unknown time zone, which the parser reads as those of the calendar."""
    for event in calendar.walk("VEVENT"):
        for name, value in event.property_items(recursive=False):
            zone = value.params.get("TZID") if name in _TIMES else None
            times = getattr(value, "dts", [value])
            if zone and not all(getattr(_start(each.dt), "tzinfo", None) for each in times):
                raise ValueError(f"{name} has the unknown time zone {zone}")


def _start(time: Any) -> Any:
    """The start of a period; other times as they are."""
    return time[0] if isinstance(time, tuple) else time


def _cost(event: Any) -> int:
    """Check the rules of an event; returns about how many occurrences must be searched."""
    rules = event.get("RRULE", [])
    start = event.start
    if not isinstance(start, datetime):
        start = datetime(start.year, start.month, start.day)
    return 1 + sum(
        check_rule(rule.to_ical().decode(), start)
        for rule in (rules if isinstance(rules, list) else [rules])
    )


def _is_void(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _utc(time: date, zone: tzinfo | ZoneInfo) -> datetime:
    """Convert to UTC; days and times without a zone have that of the calendar."""
    if not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day)
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
