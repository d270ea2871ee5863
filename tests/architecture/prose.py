"""
Plain English: counts marker words of riddles, and finds references to absent documents.

Reads docstrings, comments, strings that contain a space, and Markdown. Run by `make check`; with
`--list AREA` it prints the sentences of an area (a path prefix) that contain marker words.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.guard import ROOT, tracked

# Codebases that engineers hold up as models have 0 to 0.9 of these per 1,000 words.
MARKERS = frozenset(
    {
        "anew",
        "anybody",
        "begun",
        "meanwhile",
        "nobody",
        "somebody",
        "told",
        "what",
        "whatever",
        "whoever",
        "whom",
    }
)
# The most marker words an area may have. Lower a limit when you rewrite; never raise one.
LIMITS = {
    "bot/": 0,
    "cli/": 0,
    "engine/": 0,
    "web/": 0,
    "docs/": 2,
    "tests/": 0,
    "": 0,
}
# Constructions that were replaced everywhere and must not come back.
RIDDLES = re.compile(r"(?<!-)\bspec \d+|\bnot to be had\b|\bwhat comes of it\b")
_SKIPPED = ("tests/vectors/", "tests/architecture/prose.py", "docs/reference/", "docs/glossary.md")
_PAGE = re.compile(r"(?<![\w/.])docs/[\w/-]+\.md")
_COMMENT = re.compile(r"(?:^\s*|\s\s)#\s(.*)$")
_WORD = re.compile(r"[A-Za-z']+")


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--list"]:
        _list(arguments[1])
        return 0
    problems = [*_over_limit(), *_references()]
    print("\n".join(problems) or "prose: within the limits, and every reference exists")
    return 1 if problems else 0


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The line and text of everything in `path` that people read."""
    text = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for line, source in enumerate(text.splitlines(), 1):
        if comment := _COMMENT.search(source):
            yield line, comment.group(1)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def marker_words(text: str) -> int:
    return sum(word.lower() in MARKERS for word in _WORD.findall(text))


def area_of(name: str) -> str:
    return next(area for area in LIMITS if name.startswith(area))


def _pages() -> Iterator[Path]:
    for path in tracked("*.py", "*.md", "*.html"):
        if not str(path.relative_to(ROOT)).startswith(_SKIPPED):
            yield path


def _over_limit() -> Iterator[str]:
    found: Counter[str] = Counter()
    for path in _pages():
        found[area_of(str(path.relative_to(ROOT)))] += sum(
            marker_words(text) for _, text in prose(path)
        )
    for area, limit in LIMITS.items():
        if found[area] > limit:
            yield (
                f"{area or 'other files'}: {found[area]} marker words, at most {limit}: rewrite "
                f"the sentences that `python -m tests.architecture.prose --list {area}` prints"
            )


def _references() -> Iterator[str]:
    for path in _pages():
        name = path.relative_to(ROOT)
        for line, text in prose(path):
            if riddle := RIDDLES.search(text):
                yield f"{name}:{line}: '{riddle.group()}': say it in plain words (docs/glossary.md)"
            for page in _PAGE.findall(text):
                if not (ROOT / page).exists():
                    yield f"{name}:{line}: {page} does not exist"


def _list(area: str) -> None:
    for path in _pages():
        name = str(path.relative_to(ROOT))
        for line, text in prose(path):
            if name.startswith(area) and marker_words(text):
                print(f"{name}:{line}: {' '.join(text.split())[:160]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
