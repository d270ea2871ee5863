"""Untrusted text from people and tools: bounded on input, escaped on output."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from engine.domain.errors import UsageError

MAX_REASON = 2000
# Unicode's control, format (with the bidirectional overrides), surrogate, private-use and
# unassigned characters, and the line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_NAME = r"(?:authorization|passw(?:or)?d|secret|token|signature|credential|api[_-]?key)\w{0,20}"
_SECRET_KEY = re.compile(_NAME, re.IGNORECASE)
# User information and query of a URL, HTTP credentials, values of names that mean a secret, and
# JSON Web Tokens. A plain word after "token:" or "Bearer" is prose and stays.
_SECRETS = re.compile(
    r"(//)[^/\s@]*@"
    r"|(\?)[^\s\"')?=]*=[^\s\"')]*"
    r"|(\b(?:bearer|basic)\s+)(?=[a-z]*[^a-z\s,;.])\S+"
    rf"|({_NAME}=)[^\s&,;]+"
    rf"|({_NAME}[\"']?:\s*)(?:\"[^\"]*\"|(?=[a-z]*[^a-z\s,;.])[^\s,;]+)"
    r"|\beyJ[\w-]+\.[\w.-]+",
    re.IGNORECASE,
)
_MASK = "…"
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_MOST_BYTES = 1024**6
_LAST_LINES, _LINE_WIDTH = 40, 500
_MAX_MASKED = 4000


def reason_text(text: str, *, field: str = "reason") -> str:
    """
    Strip and validate a reason; UsageError if it is empty, over 2,000 characters or not UTF-8.

    Python decodes invalid arguments to lone surrogates, which UTF-8 cannot encode.
    """
    stripped = text.strip()
    if not stripped:
        raise UsageError(f"the {field} is empty: say why, in a few words")
    if len(stripped) > MAX_REASON:
        raise UsageError(
            f"the {field} has {len(stripped)} characters: at most {MAX_REASON} are kept"
        )
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the {field} is not valid UTF-8: type it again as text") from error
    return stripped


def printable(text: str) -> str:
    """Escape control, format, separator and unassigned characters, so that `text` is one line."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in text
    )


def without_colours(text: str) -> str:
    """Drop the escape sequences by which programs colour their output."""
    return _COLOURS.sub("", text)


def last_lines(output: bytes) -> list[str]:
    """Return the last 40 lines of `output`, printable, each cut to 500 characters."""
    lines = without_colours(output.decode(errors="replace")).splitlines()[-_LAST_LINES:]
    return [printable(line[:_LINE_WIDTH]) for line in lines]


def closest_match(given: str, known: Iterable[str]) -> str | None:
    """Return the entry of `known` most similar to `given`, as a suggestion for a typo."""
    from difflib import get_close_matches  # imported for a typo only

    return next(iter(get_close_matches(given.casefold(), list(known), 1)), None)


def iso_time(time: datetime) -> str:
    """Format `time` in UTC as ISO 8601 with `Z`, the form of all times in JSON."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def largest_unit(seconds: float) -> tuple[int, str]:
    """Return the length and name of the largest unit that fits into `seconds`; else a second."""
    return next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])


def whole_duration(seconds: float) -> str:
    """Format a duration in whole units of the largest size: `12 s`, `5 min`, `3 h`, `12 d`."""
    size, unit = largest_unit(seconds)
    return f"{int(seconds // size)} {unit}"


def size_text(count: int) -> str:
    """Format bytes: `812 B`, `1.4 MiB`. A hostile manifest may name any number."""
    if count > _MOST_BYTES:
        return "more than 1 EiB"
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_SIZES[unit]}" if unit == 0 else f"{amount:.1f} {_SIZES[unit]}"


def mask_secrets(text: str) -> str:
    """Cut `text` to 4,000 characters, and replace everything like a credential by an ellipsis."""
    return _SECRETS.sub(
        lambda found: "".join(filter(None, found.groups())) + _MASK, text[:_MAX_MASKED]
    )


def mask_secret_values(value: object) -> object:
    """Mask the values of keys that name a secret in `value`, which is parsed JSON."""
    if isinstance(value, dict):
        return {
            key: _MASK if _SECRET_KEY.search(str(key)) else mask_secret_values(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [mask_secret_values(inner) for inner in value]
    return mask_secrets(value) if isinstance(value, str) else value
