"""The tables of measured figures in docs/performance.md, from docs/performance.json."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.rows import HEADER, Row, bounds_of, judge

FIGURES = Path(__file__).parents[1] / "performance.json"
_BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def page_with_figures(page: str) -> str:
    """`page` with a new table between each pair of marks; KeyError without figures for one."""
    figures = json.loads(FIGURES.read_text())
    return _BLOCK.sub(lambda mark: mark[1] + table(mark[2], figures[mark[2]]) + mark[3], page)


def table(title: str, measured: Mapping[str, Any]) -> str:
    """A Markdown table of one measurement, and a sentence about its machine and load."""
    rows = [Row(**{name: each[name] for name in Row.__match_args__}) for each in measured["rows"]]
    cells = [each.cells() for each in judge(rows, bounds_of(title, measured["full"]))]
    shown = [n for n, name in enumerate(HEADER) if any(row[n] for row in cells)]
    lines = [_line([HEADER[n] for n in shown]), "|" + "---|" * len(shown)]
    lines += [_line([_escaped(row[n]) for n in shown]) for row in cells]
    return "\n".join([*lines, "", *_conditions(measured), ""])


def _conditions(measured: Mapping[str, Any]) -> Iterator[str]:
    before, after = (measured[name][0] for name in ("load", "load_after"))
    yield (
        f"Measured on {measured['date']} with {measured['cores']} cores of {measured['cpu']} and "
        f"Python {measured['python']}; the load average was {before} before and {after} after."
    )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("*", "\\*")
