"""Limits file sizes to 300 lines and functions to 40. Run by `make check`."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE = 300
MAX_FUNCTION = 40
ROOT = Path(__file__).parents[2]


def main() -> int:
    problems = [problem for path in tracked("*.py") for problem in _problems(path)]
    print("\n".join(problems) or "sizes: every file and function is within the guard")
    return 1 if problems else 0


def tracked(*patterns: str) -> Iterator[Path]:
    """Return the files of the repository that match `patterns`, including new ones."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return (ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists())


def _problems(path: Path) -> Iterator[str]:
    text = path.read_text()
    name = path.relative_to(ROOT)
    lines = len(text.splitlines())
    if lines > MAX_FILE:
        yield f"{name}: {lines} lines, at most {MAX_FILE}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION:
                where = f"{name}:{node.lineno}: {node.name}"
                yield f"{where} has {length} lines, at most {MAX_FUNCTION}"


if __name__ == "__main__":
    sys.exit(main())
