"""Text of an impact analysis: foreign names on one line, and lists of bounded length."""

from collections.abc import Iterable, Sequence

from engine.domain.text import printable

_MAX_NAME = 80
MAX_NAMES = 20


def shorten(text: str, limit: int = _MAX_NAME) -> str:
    """Escape a foreign name or sentence, and cut it to `limit` characters."""
    # Cut before escaping, which is slow for megabytes, and again after it, because it adds text.
    escaped = printable(text[: limit + 1])
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 1]}…"


def limit_lines(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """Cut `lines` after `limit`, and append the number of the others."""
    return append_count(lines[:limit], len(lines))


def append_count(lines: Iterable[str], total: int) -> tuple[str, ...]:
    """Append the number of lines that are missing to `total`, if any."""
    kept = tuple(lines)
    more = total - len(kept)
    return (*kept, f"…and {more} more") if more else kept


def join_names(names: Sequence[str]) -> str:
    """Join at most 20 printable `names` with commas, and append the number of the others."""
    return ", ".join(limit_lines(names, MAX_NAMES))
