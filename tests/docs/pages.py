"""The pages of the documentation, and their code blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "deploy/chart/README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
# Followed by tests/docs/test_runbooks.py, which needs registries and a database to stop.
RUNBOOKS = [page for page in PAGES if page.parent == ROOT / "docs" / "runbooks"]
_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^#+ (.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """
    A code block. `kind` is the word after the fence: console, sh, yaml, json, …; `section` is the
    title above it.
    """

    page: Path
    line: int
    kind: str
    text: str
    section: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    """Return the blocks of `kinds`, or all of them."""
    return [b for page in PAGES for b in _blocks(page) if not kinds or b.kind in kinds]


def links(page: Path) -> list[str]:
    return [match["target"] for match in _LINK.finditer(page.read_text())]


def _blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["kind"],
            found["text"],
            _TITLE.findall(_BLOCK.sub("", text[: found.start()]))[-1],
        )
        for found in _BLOCK.finditer(text)
    ]
