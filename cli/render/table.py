"""Rows of text: a drawn table on a terminal, plain columns elsewhere; and times in them."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; cells are escaped by the caller."""
    return _drawn(title, heads, rows) if sys.stdout.isatty() else _plain(heads, rows)


def _plain(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _drawn(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    from rich.console import Console  # only a terminal pays for it
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def when(at: datetime | None) -> str:
    """A time for people, with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "-"
