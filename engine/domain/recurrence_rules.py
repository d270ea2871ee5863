"""The RRULE of RFC 5545: its parts, and the limits that keep its search short."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from dateutil.rrule import rrule as Rule

MOST_OCCURRENCES = 50_000
MOST_COUNT = 1000
# A rule without an end counts as one of this length.
ENDLESS = timedelta(days=30 * 366)
_DAY = timedelta(days=1)
STEPS = {"WEEKLY": timedelta(days=7), "DAILY": _DAY, "HOURLY": timedelta(hours=1)}
MONTHS = {"YEARLY": 12, "MONTHLY": 1}
_SHORT = ("DAILY", "HOURLY")
DAY_PARTS = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER")
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_PLAIN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"})
TIME_FORMAT = "%Y%m%dT%H%M%S"


def find_zone(name: str) -> tzinfo:
    """Find the zone `name`, like Europe/Berlin; ValueError if it is unknown."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"names an unknown time zone, {name!r}: write Europe/Berlin") from error


@lru_cache(maxsize=1024)
def parts_of(text: str) -> Mapping[str, str]:
    parts = dict(re.findall(r"([A-Z]+)=([A-Z0-9,+-]+)(?:;|$)", text))
    if join_parts(parts) != text:
        raise ValueError("must be parts like FREQ=WEEKLY;BYDAY=FR, each of them once")
    return parts


def is_plain(parts: Mapping[str, str], start: datetime) -> bool:
    """Whether a rule has only a frequency, and takes its days and times from its start."""
    own = parts["FREQ"] == "WEEKLY" and parts.get("BYDAY") == _weekday(start)
    return _PLAIN.issuperset(parts.keys() - ({"BYDAY"} if own else set()))


def join_parts(parts: Mapping[str, str]) -> str:
    return ";".join(f"{key}={value}" for key, value in parts.items())


@lru_cache(maxsize=1024)
def parse_rule(text: str, start: datetime, zone: str) -> "Rule":
    # Few installations have windows, and the parser is slow to import.
    from dateutil.rrule import rrule, rrulestr

    parts = parts_of(text)
    until = _check_size(parts, start, zone)
    _check_days(parts, start)
    rest = {key: value for key, value in parts.items() if key not in ("UNTIL", "COUNT")}
    try:
        rule = rrulestr(join_parts(rest), dtstart=start)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"is not a rule of RFC 5545: {error}") from error
    if not isinstance(rule, rrule):
        raise ValueError("must be one rule of RFC 5545")
    if "COUNT" in parts:
        until = _last_of(rule, number_of(parts, "COUNT"), start + _longest(parts))
    return rule.replace(until=until) if until else rule


def check_zone_rule(text: str) -> None:
    """ValueError for an RRULE of a time zone in a calendar that would take long to expand."""
    parts = parts_of(text)
    if parts.get("FREQ") != "YEARLY":
        raise ValueError("has a time zone with a rule that is not FREQ=YEARLY")
    _check_size(parts, datetime(2000, 1, 1), "UTC")


def cost_of(parts: Mapping[str, str], duration: timedelta) -> int:
    frequency = parts["FREQ"]
    days = {"YEARLY": 366, "MONTHLY": 28, "WEEKLY": 7}.get(frequency, 1)
    step = (STEPS.get(frequency) or timedelta(days=days)) * number_of(parts, "INTERVAL")
    cost = duration // step + 1
    if "COUNT" in parts:
        cost = min(cost, number_of(parts, "COUNT"))
    given = [parts[key].count(",") + 1 for key in DAY_PARTS if key in parts]
    if frequency in MONTHS and re.search(r"(^|,)[A-Z]", parts.get("BYDAY", "")):
        cost *= days
    elif frequency not in _SHORT:
        # The library looks at each day of a year.
        cost *= max(days // 28, *given, 1)
    for key in _TIMES[1:] if frequency == "HOURLY" else _TIMES:
        cost *= parts.get(key, "").count(",") + 1
    return cost


def _last_of(rule: "Rule", count: int, end: datetime) -> datetime:
    """The time of the last one of `count` occurrences; ValueError if it is after `end`."""
    found = list(islice(rule.replace(until=end), count))
    if len(found) < count:
        raise ValueError(
            f"has only {len(found)} of its {count} occurrences before {end:%Y}: use UNTIL"
        )
    last: datetime = found[-1]
    return last


def _longest(parts: Mapping[str, str]) -> timedelta:
    """For how long the occurrences of a rule with COUNT are searched."""
    step = timedelta(hours=1) if parts["FREQ"] == "HOURLY" else _DAY
    return min(ENDLESS, MOST_OCCURRENCES * step)


def _check_size(parts: Mapping[str, str], start: datetime, zone: str) -> datetime | None:
    """Refuse a rule with too many occurrences by an estimate; returns its end in wall time."""
    frequency = parts.get("FREQ")
    if frequency not in (*STEPS, *MONTHS):
        raise ValueError("must have a FREQ of YEARLY, MONTHLY, WEEKLY, DAILY or HOURLY")
    interval, until = number_of(parts, "INTERVAL"), until_of(parts, zone)
    if "COUNT" in parts:
        if until:
            raise ValueError("must have either COUNT or UNTIL")
        if number_of(parts, "COUNT") > MOST_COUNT:
            raise ValueError(f"must have a COUNT of at most {MOST_COUNT}: use UNTIL for more")
        return None
    step = STEPS["HOURLY"] if frequency == "HOURLY" else _DAY
    step *= interval if frequency in ("HOURLY", "DAILY") else 1
    estimate = (until - start if until else ENDLESS) // step
    for key in _TIMES[1:] if frequency == "HOURLY" else _TIMES:
        estimate *= parts.get(key, "").count(",") + 1
    if estimate > MOST_OCCURRENCES:
        raise ValueError(
            f"has about {estimate:,} occurrences, and at most {MOST_OCCURRENCES:,} can be used: "
            "set UNTIL, or a longer interval"
        )
    return until


def _check_days(parts: Mapping[str, str], start: datetime) -> None:
    """Refuse rules that may match no day at all: the library would search 8,000 years for one."""
    for key in ("BYYEARDAY", "BYWEEKNO", "BYEASTER"):
        if key in parts and parts["FREQ"] != "YEARLY":
            raise ValueError(f"must have {key} with FREQ=YEARLY only")
    if parts["FREQ"] in _SHORT and "BYSETPOS" in parts:
        raise ValueError("must have BYSETPOS with FREQ=WEEKLY, MONTHLY or YEARLY only")
    weekday = _weekday(start)
    if parts["FREQ"] in _SHORT and weekday not in parts.get("BYDAY", weekday):
        raise ValueError("must have dtstart as its first occurrence: BYDAY has another one")
    left = (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    own = {"BYMONTH": {start.month}, "BYMONTHDAY": {start.day, start.day - left.day - 1}}
    for key, numbers in own.items():
        given = set(re.findall(r"-?[0-9]+", parts.get(key, "")))
        if given and given.isdisjoint(map(str, numbers)):
            raise ValueError(f"must have dtstart as its first occurrence: {key} has another one")


def _weekday(time: datetime) -> str:
    return time.strftime("%a")[:2].upper()


def number_of(parts: Mapping[str, str], key: str) -> int:
    text = parts.get(key, "1")
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise ValueError(f"must have a {key} of 1 or more")
    return int(text)


def until_of(parts: Mapping[str, str], zone: str) -> datetime | None:
    text = parts.get("UNTIL")
    if text is None:
        return None
    try:
        until = datetime.strptime(text.removesuffix("Z"), TIME_FORMAT)
    except ValueError as error:
        raise ValueError("must have an UNTIL with a time, like 20261231T230000Z") from error
    if text.endswith("Z"):
        try:
            until = until.replace(tzinfo=UTC).astimezone(find_zone(zone)).replace(tzinfo=None)
        except OverflowError as error:
            raise ValueError("must have an UNTIL before the year 9999") from error
    return until
