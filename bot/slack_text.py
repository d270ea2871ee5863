"""Recovers the typed words from text that Slack delivers."""

import re
import unicodedata

# Slack sends <@U1|bob>, <#C1|inc-42>, <!subteam^S1|@releng>, <https://app.dev|app.dev>.
_WRAPPED = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
_QUOTES = dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″«»", '"')
_DASHES = dict.fromkeys("‐‑‒–—―−⁃⸺⸻", "-")
_PHONES = str.maketrans(_QUOTES | _DASHES)


def strip_markup(text: str) -> str:
    """Remove Slack's links and entities; mentions become plain names."""
    bare = _WRAPPED.sub(_plain_name, text)
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _plain_name(match: re.Match[str]) -> str:
    kind, target, label = match["kind"], match["target"], match["label"]
    if kind == "":
        return label or target
    sign = "#" if kind == "#" else "@"
    return sign + (label or target).lstrip("@#")


def normalize(text: str) -> str:
    """Replace typographic quotes and dashes, which phones insert, and compatibility characters."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", visible.translate(_PHONES)).translate(_PHONES).strip()


def strip_quotes(text: str) -> str:
    """Remove the quotation marks around all of `text`."""
    marks = text[:1].translate(_PHONES), text[-1:].translate(_PHONES)
    inner = text[1:-1]
    if len(text) < 2 or marks not in (("'", "'"), ('"', '"')):
        return text
    return text if marks[0] in inner.translate(_PHONES) else inner.strip()


def split_first_word(text: str) -> tuple[str, str]:
    """Split off the first word of `text`; the rest keeps its spaces."""
    first, *rest = text.split(maxsplit=1) or [""]
    return strip_quotes(normalize(first)), rest[0].strip() if rest else ""
