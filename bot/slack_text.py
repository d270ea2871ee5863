"""Text as Slack delivers it, back to the words somebody typed."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

# Slack sends <@U1|bob>, <#C1|inc-42>, <!subteam^S1|@releng>, <https://app.dev|app.dev>.
_WRAPPED = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
_QUOTES = dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″«»", '"')
_DASHES = dict.fromkeys("‐‑‒–—―−⁃⸺⸻", "-")
_PHONES = str.maketrans(_QUOTES | _DASHES)


def unwrapped(text: str) -> str:
    """`text` as it was typed: without Slack's links and entities. Nothing it says pings anybody."""
    bare = _WRAPPED.sub(_bare, text)
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _bare(match: re.Match[str]) -> str:
    kind, target, label = match["kind"], match["target"], match["label"]
    if kind == "":
        return label or target
    sign = "#" if kind == "#" else "@"
    return sign + (label or target).lstrip("@#")


def word(text: str) -> str:
    """An argument as it was meant: phones set typographic quotes and dashes."""
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", seen.translate(_PHONES)).translate(_PHONES).strip()


def unquoted(text: str) -> str:
    """`text` without the quotation marks around all of it."""
    marks = text[:1].translate(_PHONES), text[-1:].translate(_PHONES)
    inner = text[1:-1]
    if len(text) < 2 or marks not in (("'", "'"), ('"', '"')):
        return text
    return text if marks[0] in inner.translate(_PHONES) else inner.strip()


def near(given: str, known: Sequence[str]) -> str | None:
    """What `given` may be a slip of; it is only ever suggested."""
    lowered = given.casefold()
    return next(iter(difflib.get_close_matches(lowered, known, 1, 0.6)), None)
