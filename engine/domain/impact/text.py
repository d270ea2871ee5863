"""Foreign names in an impact analysis: on one line, and never more than a person reads."""

from collections.abc import Iterable, Sequence

from engine.domain.text import printable

_MAX_NAME = 80
MAX_NAMES = 20


def shown(text: str, limit: int = _MAX_NAME) -> str:
    """A foreign name or sentence as it can be shown: printable, at most `limit` characters."""
    # Cut first, for escaping megabytes takes long, and again, for escapes are longer.
    escaped = printable(text[: limit + 1])
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 1]}…"


def bounded(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """The first `limit` of `lines`, then how many more there are."""
    return and_more(lines[:limit], len(lines))


def and_more(lines: Iterable[str], total: int) -> tuple[str, ...]:
    """`lines`, then how many more of `total` there are."""
    kept = tuple(lines)
    more = total - len(kept)
    return (*kept, f"…and {more} more") if more else kept


def listed(names: Sequence[str]) -> str:
    """`names` (ready to be shown) in one line: at most 20, then how many more there are."""
    return ", ".join(bounded(names, MAX_NAMES))
