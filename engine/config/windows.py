"""The section `artifacts.promotion.windows`: when environments may be changed."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from engine.config.environment_variables import UnsetSecret, fill
from engine.config.error_messages import Node, Problem, suggest
from engine.config.field_types import AtLeastOne, Duration, Given, Section, Text, web_url
from engine.config.validation_context import PlacedText, base_of
from engine.domain.artifact import Digest
from engine.domain.recurrence import Recurrence, check_together
from engine.domain.recurrence_rules import TIME_FORMAT, find_zone
from engine.domain.windows import Window, WindowKind

_START = re.compile(r"TZID=(?P<zone>[A-Za-z0-9_+/-]+):(?P<local>\d{8}T\d{6})|(?P<utc>\d{8}T\d{6})Z")
_FORM = "must be a time with its zone, like TZID=Europe/Berlin:20260320T220000 or 20260320T210000Z"
_OF_RULES = ("dtstart", "dtend", "duration", "rrule")


def _start(value: str) -> str:
    zone, _ = _parse_start(value)
    find_zone(zone)
    return value


def _end(value: str) -> str:
    _parse_local(value)
    return value


class CalendarAddress(SecretStr):
    """The address of a calendar, and `written`: its text in the file, without secrets."""

    def __init__(self, address: str, written: str) -> None:
        super().__init__(address)
        self.written = written


class UnsetCalendar(UnsetSecret):
    """An address whose variables are not set."""

    def __init__(self, problem: str, written: str) -> None:
        super().__init__(problem)
        self.written = written


def _calendar(value: Any, info: ValidationInfo) -> SecretStr:
    filled = fill(value, info)
    if isinstance(filled, UnsetSecret):
        return UnsetCalendar(filled.problem, str(value))
    text = filled.get_secret_value()
    if text.startswith("https://"):
        return CalendarAddress(web_url(text), str(value))
    if "://" in text or not text.strip() or "\0" in text:
        raise ValueError("must be a file or a URL that starts with https://")
    return CalendarAddress(str(base_of(value, info) / text), str(value))


class WindowEntry(Section):
    """A freeze window: by `dtstart` and its end, or the events of a calendar."""

    name: Text = Field(description="the name in refusals", examples=["quarter-end"])
    kind: Literal["allow", "deny"] = Field(
        description="deny closes the environments; with allow, they are closed outside it"
    )
    dtstart: Given[Annotated[Text, AfterValidator(_start)]] = Field(
        default=None,
        description="the first start, with its zone",
        examples=["TZID=Europe/Berlin:20260320T220000"],
    )
    dtend: Given[Annotated[Text, AfterValidator(_end)]] = Field(
        default=None,
        description="the first end, by the clock in the zone of dtstart",
        examples=["20260323T060000"],
    )
    duration: Given[Duration] = Field(
        default=None, description="instead of dtend: the absolute length", examples=["8h", "2d"]
    )
    rrule: Given[Text] = Field(
        default=None,
        description="how it recurs (RFC 5545); without it, it occurs once",
        examples=["FREQ=WEEKLY;BYDAY=FR"],
    )
    ics: Given[Annotated[SecretStr, BeforeValidator(_calendar, json_schema_input_type=str)]] = (
        Field(
            default=None,
            description="instead: a calendar, as a file or https URL (${NAME} for a variable)",
            examples=["holidays.ics", "https://calendar.example.com/freeze.ics"],
        )
    )
    environments: Given[AtLeastOne[Text]] = Field(
        default=None, description="environments that it is about; without it, all of them"
    )
    operations: AtLeastOne[Literal["promote", "rollback"]] = Field(
        default=("promote",), description="operations that it is about"
    )
    reason: Given[Text] = Field(default=None, description="the reason, shown in refusals")
    contact: Given[Text] = Field(
        default=None,
        description="a person or channel for questions, shown in refusals",
        examples=["#release-managers"],
    )


def windows_of(entries: tuple[WindowEntry, ...]) -> tuple[Window, ...]:
    """Convert the windows of the file to those of the domain."""
    return tuple(map(_window, entries))


def window_rules(window: Window) -> dict[str, Any]:
    """The rules of a window for the policy document, without its texts and secret addresses."""
    times = window.times
    if times is None:
        when: dict[str, Any] = {"ics": str(Digest.of(window.calendar_text.encode()))}
    else:
        end = {"dtend": f"{times.end:{TIME_FORMAT}}"} if times.end else {"seconds": times.seconds}
        when = {
            "dtstart": f"TZID={times.zone}:{times.start:{TIME_FORMAT}}",
            **end,
            **({"rrule": times.rule} if times.rule else {}),
        }
    environments = window.environments
    return {
        "name": window.name,
        "kind": window.kind,
        **when,
        **({"environments": sorted(environments)} if environments is not None else {}),
        "operations": sorted(window.operations),
    }


def window_problems(promotion: Node, names: list[str]) -> Iterator[Problem]:
    """Find contradictions in the windows of `promotion`, whose environments have `names`."""
    found: list[Recurrence] = []
    for entry in promotion["windows"].items:
        yield from _unknown_environments(entry, names)
        if entry["ics"]:
            beside = [entry[key] for key in _OF_RULES if entry[key]]
            yield from (each.problem("has no effect beside ics: remove it") for each in beside)
        elif not entry["dtstart"]:
            yield entry.problem("needs dtstart with dtend or duration, or ics")
        elif bool(entry["dtend"]) == bool(entry["duration"]):
            yield entry.problem("needs either dtend or duration")
        else:
            yield from _time_problems(entry, found)
    try:
        check_together(found)
    except ValueError as error:
        yield promotion["windows"].problem(str(error))


def default_window_problems(promotion: Node, names: list[str]) -> Iterator[Problem]:
    """Find environments of default windows that are not among those of the defaults."""
    for entry in promotion["windows"].items:
        yield from _unknown_environments(entry, names)


def _unknown_environments(entry: Node, names: list[str]) -> Iterator[Problem]:
    """A product need not have the environments of an inherited window."""
    for place in entry["environments"].items:
        inherited = isinstance(place.value, PlacedText)
        if place.text and names and place.text not in names and not inherited:
            yield place.problem(f"there is no such environment; {suggest(place.text, names)}")


def _time_problems(entry: Node, found: list[Recurrence]) -> Iterator[Problem]:
    """Add the times to `found`; a text that is no time is reported by its own validator."""
    try:
        zone, start = _parse_start(entry["dtstart"].text or "")
        find_zone(zone)
        end = _parse_local(entry["dtend"].text) if entry["dtend"].text else None
    except ValueError:
        return
    seconds = None if end else 1
    try:
        Recurrence(zone, start, None, end, seconds)
    except ValueError as error:
        yield entry["dtend" if end else "dtstart"].problem(str(error))
        return
    try:
        found.append(Recurrence(zone, start, entry["rrule"].text, end, seconds))
    except ValueError as error:
        yield entry["rrule"].problem(str(error))


def _window(entry: WindowEntry) -> Window:
    return Window(
        name=entry.name,
        kind=WindowKind(entry.kind),
        times=_times(entry),
        environments=None if entry.environments is None else frozenset(entry.environments),
        operations=frozenset(entry.operations),
        reason=entry.reason or "",
        contact=entry.contact or "",
        calendar=_address(entry.ics),
        calendar_text=_text(entry.ics),
    )


def _address(calendar: SecretStr | None) -> str | None:
    """The address of a calendar; empty while its variable is not set, so it cannot be read."""
    if isinstance(calendar, UnsetSecret):
        return ""
    return calendar.get_secret_value() if calendar is not None else None


def _text(calendar: SecretStr | None) -> str:
    """The text of a URL, or the name of a file, wherever it is."""
    written = calendar.written if isinstance(calendar, CalendarAddress | UnsetCalendar) else ""
    whole = "://" in written or "${" in written
    return written if whole else PurePath(written).name


def _times(entry: WindowEntry) -> Recurrence | None:
    if entry.dtstart is None:
        return None
    zone, start = _parse_start(entry.dtstart)
    end = _parse_local(entry.dtend) if entry.dtend else None
    return Recurrence(zone, start, entry.rrule, end, entry.duration)


def _parse_start(text: str) -> tuple[str, datetime]:
    found = _START.fullmatch(text)
    if found is None:
        raise ValueError(_FORM)
    return found["zone"] or "UTC", _parse_local(found["local"] or found["utc"], _FORM)


def _parse_local(text: str, form: str = "must be a time like 20260323T060000") -> datetime:
    if not re.fullmatch(r"\d{8}T\d{6}", text, re.ASCII):
        raise ValueError(form)
    try:
        return datetime.strptime(text, TIME_FORMAT)
    except ValueError as error:
        raise ValueError(form) from error
