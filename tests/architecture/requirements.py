"""Lists the tests of each numbered requirement:

`make requirements` prints it and fails on a gap.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A row of docs/requirements.md may name several: "FR-009, FR-009a", "FR-025a, b, c".
_ROW = re.compile(r"^\|\s*(?P<ids>(?:FR|NFR|SL|WB|AP)-[^|]+?)\s*\|\s*(?P<text>[^|]+?)\s*\|")
_ID = re.compile(r"(?P<base>(?:FR|NFR|SL|WB|AP)-\d+)(?P<letter>[a-z])?")


def main(gaps_only: bool = False) -> int:
    shown = Counter(mark for path in (ROOT / "tests").rglob("test_*.py") for mark in _marks(path))
    missing = []
    for ids, text in _requirements():
        for one in ids:
            if not gaps_only:
                print(f"{one:9} {shown[one]:4} {'tests' if shown[one] != 1 else 'test '}  {text}")
            if not shown[one]:
                missing.append(one)
    if missing:
        print(f"\nNo test shows: {', '.join(missing)}")
    return 1 if missing else 0


def _requirements() -> Iterator[tuple[list[str], str]]:
    for line in (ROOT / "docs/requirements.md").read_text().splitlines():
        row = _ROW.match(line)
        if row:
            yield _ids(row["ids"]), row["text"]


def _ids(text: str) -> list[str]:
    """Parse `FR-025a, b, c` into three; a bare letter continues the number before it."""
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        match = _ID.fullmatch(part)
        if match:
            found.append(part)
        elif found and re.fullmatch("[a-z]", part):
            found.append(found[-1].rstrip("abcdefghijklmnopqrstuvwxyz") + part)
    return found


def _marks(path: Path) -> Iterator[str]:
    """Yield the numbers in every `pytest.mark.requirement(…)`, once for each use."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement":
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)


if __name__ == "__main__":
    sys.exit(main(gaps_only="--gaps" in sys.argv))
