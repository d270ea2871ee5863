"""The port for calendars in files and at URLs, whose events are freeze windows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from engine.domain.windows import HORIZON, Reading, Window


class Calendars(Protocol):
    """Reads calendars in the format of RFC 5545."""

    def read(self, calendar: str, start: datetime, end: datetime) -> Reading:
        """
        Read the events of `calendar`, a path or https URL, that overlap `start` to `end`.

        If it cannot be read, returns the reason, which has no part of the address: URLs of
        calendars are often secret.
        """
        ...


class NoCalendars:
    """Calendars of an installation without any."""

    def read(self, _calendar: str, _start: datetime, _end: datetime) -> Reading:
        return "no calendars are read here"


NO_CALENDARS = NoCalendars()


def read_calendars(
    calendars: Calendars, windows: Iterable[Window], now: datetime
) -> Mapping[str, Reading]:
    """Read the calendars of `windows` from `now` on; the keys are the names of the windows."""
    return {
        each.name: calendars.read(each.calendar, now, now + HORIZON)
        for each in windows
        if each.calendar is not None
    }
