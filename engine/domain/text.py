"""Text from people and tools is data: bounded when it comes in, escaped when it is shown."""

import re
import unicodedata
from datetime import UTC, datetime

from engine.domain.errors import UsageError

MAX_REASON = 2000
# Unicode's control, format (bidirectional overrides are there), surrogate, private, unassigned
# characters, and the line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_NAME = r"(?:authorization|passw(?:or)?d|secret|token|signature|credential|api[_-]?key)\w{0,20}"
_SECRET_KEY = re.compile(_NAME, re.IGNORECASE)
# User information and query of an address, credentials of HTTP, values of a name that means a
# secret, and JSON Web Tokens. A plain word after "token:" or "Bearer" is prose and stays.
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
_MAX_MASKED = 4000


def reason_text(text: str, *, what: str = "reason") -> str:
    """
    A reason as a person gave it, at most 2,000 characters; UsageError when it cannot be kept.

    Lone surrogates (what Python makes of undecodable arguments) cannot be written as UTF-8.
    """
    stripped = text.strip()
    if not stripped:
        raise UsageError(f"the {what} is empty: say why, in a few words")
    if len(stripped) > MAX_REASON:
        raise UsageError(
            f"the {what} has {len(stripped)} characters: at most {MAX_REASON} are kept"
        )
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the {what} is not valid UTF-8: type it again as text") from error
    return stripped


def printable(text: str) -> str:
    """`text` on one line: control, format, separator and unassigned characters are escaped."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in text
    )


def iso_time(time: datetime) -> str:
    """`time` in UTC as ISO 8601 with `Z`: the form of all times that programs read."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def mask_secrets(text: str) -> str:
    """At most 4,000 characters of `text`, with what may be a credential replaced by an ellipsis."""
    return _SECRETS.sub(
        lambda found: "".join(filter(None, found.groups())) + _MASK, text[:_MAX_MASKED]
    )


def mask_secret_values(value: object) -> object:
    """`value`, parsed from JSON, without the values of keys that name a secret."""
    if isinstance(value, dict):
        return {
            key: _MASK if _SECRET_KEY.search(str(key)) else mask_secret_values(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [mask_secret_values(inner) for inner in value]
    return mask_secrets(value) if isinstance(value, str) else value
