"""Text from people and tools is data: bounded when it comes in, escaped when it is shown."""

import unicodedata

from engine.domain.errors import UsageError

MAX_REASON = 2000
# Unicode's control, format (bidirectional overrides are there), surrogate, private, unassigned
# characters, and the line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


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
