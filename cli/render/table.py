"""Rows of text: columns that fit a terminal, plain columns elsewhere; and times in them."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cli.stdio import columns, width

_GAP = "  "
# A narrower column of sentences is hard to read.
_LEAST_TEXT = 20
Row = Sequence[str]


def show(heads: Row, rows: Sequence[Row]) -> list[str]:
    """
    The lines of a table; cells are escaped by the caller.

    Where a terminal is too narrow, the last column is wrapped. If that is not enough, the columns
    that do not fit stand below their row. No digest and no other word is divided.
    """
    lines = [heads, *rows]
    widths = [max(width(line[column]) for line in lines) for column in range(len(heads))]
    room = columns(sys.stdout)
    if not sys.stdout.isatty() or _whole(widths) <= room:
        return [_joined(line, widths) for line in lines]
    left = room - _whole([*widths[:-1], 0])
    if left >= max(_LEAST_TEXT, *(width(word) for line in lines for word in line[-1].split())):
        return [wrapped for line in lines for wrapped in _wrap_last(line, widths, left)]
    fitting = max((n for n in range(1, len(heads)) if _whole(widths[:n]) <= room), default=1)
    return [each for line in lines for each in _stacked(line, widths[:fitting], room)]


def _joined(cells: Row, widths: Sequence[int]) -> str:
    padded = (f"{cell}{' ' * (w - width(cell))}" for cell, w in zip(cells, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _wrap_last(cells: Row, widths: Sequence[int], room: int) -> Iterator[str]:
    first, *others = _wrapped(cells[-1], room) or [""]
    yield _joined([*cells[:-1], first], widths)
    indent = " " * _whole([*widths[:-1], 0])
    yield from (f"{indent}{line}" for line in others)


def _stacked(cells: Row, widths: Sequence[int], room: int) -> Iterator[str]:
    """The first cells in columns, and the others on lines below."""
    yield _joined(cells[: len(widths)], widths)
    below = _GAP.join(cell for cell in cells[len(widths) :] if cell)
    yield from (f"{_GAP}{line}" for line in _wrapped(below, room - len(_GAP)))


def _wrapped(text: str, room: int) -> list[str]:
    """Divide `text` at spaces into lines of `room` columns; a longer word is a line of its own."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line.rstrip() for line in lines if line]


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def when(at: datetime | None) -> str:
    """A time for people, with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "-"
