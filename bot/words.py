"""Text as Slack delivers it, back to the words somebody typed."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

# Slack sends <@U1|bob>, <#C1|inc-42>, <!subteam^S1|@releng>, <https://app.dev|app.dev>.
_WRAPPED = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
_PHONES = str.maketrans(
    dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"') | dict.fromkeys("‐‑‒–—―−", "-")
)


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


def split(text: str, count: int) -> tuple[list[str], str]:
    """The first `count` words, and the rest with its spaces."""
    parts = text.split(maxsplit=count)
    rest = parts[count].strip() if len(parts) > count else ""
    return [given for given in map(word, parts[:count]) if given], rest


def near(given: str, known: Sequence[str]) -> str | None:
    """What `given` may be a slip of; it is only ever suggested."""
    lowered = given.casefold()
    return next(iter(difflib.get_close_matches(lowered, known, 1, 0.6)), None)
