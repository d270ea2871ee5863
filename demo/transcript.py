"""Writes the output of the demo into the documentation: `python -m demo.transcript`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The parts that README shows; the tour shows all of them.
_FIRST = ("A dry run shows the plan.", "So nothing goes there.", "Bob can.")
_PLACE = re.compile(r"(<!-- transcript -->\n).*?(<!-- /transcript -->)", re.DOTALL)


def main() -> None:
    command = [sys.executable, "-m", "demo.run"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    _put(ROOT / "docs/tour.md", f"$ make demo\n{said}")
    _put(ROOT / "README.md", "\n".join(_part(said, title) for title in _FIRST))


def _part(said: str, title: str) -> str:
    """Return the command under `title` and its output."""
    found = said.partition(f"# {title}\n")[2].partition("\n\n")[0]
    return f"# {title}\n{found}\n"


def _put(page: Path, text: str) -> None:
    block = f"```text\n{text}```\n"
    page.write_text(_PLACE.sub(lambda m: m[1] + block + m[2], page.read_text()))


if __name__ == "__main__":
    main()
