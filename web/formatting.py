"""Format times, sizes and foreign text for people."""

import re
from datetime import UTC, datetime

from markupsafe import Markup

from engine.domain.text import iso_time, largest_unit, printable, whole_duration, without_colours

# Versions up to this length fit into one line.
_LONG = 14
_SEPARATOR = re.compile(r"(?<=[-._])")


class Prepared(str):
    """Text without control characters; templates still escape it for HTML."""


def shown(value: object) -> object:
    """Return a template value without control characters that would affect other text."""
    return printable(value) if type(value) is str else value


def span(seconds: float) -> str:
    """Format a duration in its largest unit: `0.4 s`, `12 s`, `5 min`, `3 h`, `12 d`."""
    if seconds < 1:
        return f"{max(seconds, 0):.1f} s"
    size, unit = largest_unit(seconds)
    whole = int(seconds // size)
    if unit == "min" and whole < 10 and seconds % 60 >= 1:
        return f"{whole} min {int(seconds % 60)} s"
    if unit == "h" and whole < 10 and seconds % 3600 >= 60:
        return f"{whole} h {int(seconds % 3600 // 60)} min"
    return f"{whole} {unit}"


def ago(at: datetime, now: datetime) -> str:
    """Format an age in one unit; the other clock may be ahead of ours."""
    seconds = (now - at).total_seconds()
    return "now" if seconds < 1 else f"{whole_duration(seconds)} ago"


def brief(at: datetime | None, now: datetime) -> str:
    """Format an age without "ago"; empty if there is none."""
    return ago(at, now).removesuffix(" ago") if at else ""


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def time_element(at: datetime) -> Markup:
    """Return HTML that the browser shows in the time zone of the reader."""
    return Markup('<time datetime="{}">{}</time>').format(iso_time(at), moment(at))


def spoken(name: str) -> str:
    """Write the name of a gate or check as people say it: `Security scan`."""
    return name.replace("_", " ").capitalize()


def breakable(version: str) -> Markup:
    """Let a long version break after its separators only."""
    shown = printable(version)
    return Markup("<wbr>").join(_SEPARATOR.split(shown) if len(shown) > _LONG else [shown])


def address(name: str) -> Markup:
    """Let a long e-mail address break before its domain."""
    return Markup("<wbr>@").join(printable(name).split("@"))


def short(digest: str | None) -> str:
    """Shorten a digest to twelve hex digits."""
    return digest.removeprefix("sha256:")[:12] if digest else ""


def terminal(output: bytes) -> Prepared:
    """Split gate output into lines: colours are dropped, other control characters shown."""
    text = without_colours(output.decode("utf-8", "replace")).replace("\r\n", "\n")
    return Prepared("\n".join(printable(line.expandtabs(4)) for line in text.split("\n")))


def lines(text: str) -> Prepared:
    """Split text at its line breaks."""
    return Prepared("\n".join(printable(line) for line in text.split("\n")))
