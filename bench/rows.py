"""Measured figures, the bounds they keep, and the table and JSON document of a run."""

import json
import os
import platform
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

BOUNDS = Path(__file__).with_name("bounds.toml")
HEADER = ("measurement", "figure", "peer", "ratio", "bound", "verdict")
MET, MISSED, NOT_MEASURED = "met", "missed", "not measured"
_WIDTHS = (58, 14, 40, 6, 7, 0)


@dataclass(frozen=True)
class Row:
    """A figure; with `peer`, also its ratio to the peer's figure in the same run."""

    name: str
    figure: float | None
    unit: str = ""
    peer: str = ""
    ratio: float | None = None

    @property
    def key(self) -> str:
        """Identifies the row in bounds.toml."""
        return f"{self.name} | {self.peer}" if self.peer else self.name


def beside(name: str, ours: float, peer: str, theirs: float, unit: str = "ms") -> Row:
    """Compare with the figure of a peer. Times are given in seconds."""
    return Row(name, ours * 1000 if unit == "ms" else ours, unit, peer, ours / theirs)


@dataclass(frozen=True)
class Judged:
    """A row with the bound of its ratio, or of its figure if it has no peer."""

    row: Row
    bound: float | None = None
    verdict: str = ""

    def cells(self) -> tuple[str, ...]:
        row = self.row
        return (
            row.name,
            f"{number(row.figure)} {row.unit}".strip(),
            row.peer,
            number(row.ratio),
            number(self.bound),
            self.verdict,
        )


def number(value: float | None) -> str:
    """Format with about three digits."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def bounds_of(title: str, full: bool) -> dict[str, float]:
    """Return the bounds of a measurement; some rows exist only with the largest sizes."""
    found = tomllib.loads(BOUNDS.read_text())
    return found.get(title, {}) | (found.get(f"{title} --full", {}) if full else {})


def judge(rows: Iterable[Row], bounds: Mapping[str, float]) -> Iterator[Judged]:
    """Judge each row. A bound without a row is missed, since its figure is unknown."""
    unseen = dict(bounds)
    for row in rows:
        patterns = [pattern for pattern in bounds if fnmatchcase(row.key, pattern)]
        for pattern in patterns:
            unseen.pop(pattern, None)
        if not patterns:
            yield Judged(row)
            continue
        bound = min(bounds[pattern] for pattern in patterns)
        value = row.figure if row.ratio is None else row.ratio
        kept = value is not None and value <= bound
        yield Judged(row, bound, MET if kept else MISSED)
    for pattern, bound in unseen.items():
        name, _, peer = pattern.partition(" | ")
        yield Judged(Row(name, None, peer=peer), bound, NOT_MEASURED)


def missed(judged: Iterable[Judged]) -> list[Judged]:
    return [each for each in judged if each.verdict in (MISSED, NOT_MEASURED)]


def exit_code(judged: Iterable[Judged]) -> int:
    return 1 if missed(judged) else 0


def line(cells: tuple[str, ...]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join(padded).rstrip()


def conditions() -> dict[str, object]:
    """Return the machine, its load and the date."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "cpu": model[1] if model else platform.machine(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
    }


def save(file: Path, title: str, facts: Mapping[str, object], judged: Iterable[Judged]) -> None:
    """Replace the figures of one measurement in the document."""
    document = json.loads(file.read_text()) if file.exists() else {}
    rows = [
        {**asdict(each.row), **_verdict(each)} for each in judged if each.row.figure is not None
    ]
    document[title] = {**facts, "rows": rows}
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _verdict(judged: Judged) -> dict[str, object]:
    return {"bound": judged.bound, "verdict": judged.verdict}
