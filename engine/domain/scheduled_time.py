"""The time at which a change is carried out, as people and scripts write it."""

import re
from datetime import UTC, datetime, timedelta

from engine.domain.errors import UsageError
from engine.domain.recurrence_rules import find_zone

_TIME = re.compile(
    r"(?P<local>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?)"
    r"(?:(?P<offset>Z|[+-]\d{2}:\d{2})|\[(?P<zone>[A-Za-z0-9_+/-]+)\])",
    re.ASCII,
)
_FORM = "write 2026-12-01T09:00[Europe/Berlin], 2026-12-01T09:00+01:00 or 2026-12-01T08:00Z"
LONGEST = timedelta(days=30)


def parse_scheduled_time(text: str, now: datetime) -> datetime:
    """Parse a time with its zone into UTC; UsageError unless it is within 30 days of `now`."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"'{text[:60]}' is not a time with its zone: {_FORM}")
    try:
        time = datetime.fromisoformat(found["local"] + (found["offset"] or ""))
        if found["zone"]:
            zone = find_zone(found["zone"])
            time = time.replace(tzinfo=zone)
            if time.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time.replace(
                tzinfo=None
            ):
                raise ValueError(f"'{text}' does not exist: the clock skips it in {found['zone']}")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"the time cannot be used: {error}") from error
    return check_time(time.astimezone(UTC), now)


def check_time(time: datetime, now: datetime) -> datetime:
    """Return `time`; UsageError unless it is after `now`, and at most 30 days later."""
    if time <= now:
        raise UsageError(f"the time {time:%Y-%m-%d %H:%M} UTC is not in the future")
    if time - now > LONGEST:
        raise UsageError(f"the time {time:%Y-%m-%d %H:%M} UTC is more than 30 days away")
    return time
