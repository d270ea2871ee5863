"""Every test the threat model names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?!who \||---)([^|]+?) \|", re.MULTILINE)


def halves() -> tuple[str, str]:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    before, after = text.split("## Shown by")
    return before, after.split("\n## ")[0]


def test_every_test_it_names_exists() -> None:
    _, shown = halves()
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    written = {name for text in sources for name in re.findall(r"def (test_\w+)\(", text)}

    named = set(re.findall(r"`(test_\w+)`", shown))

    assert len(named) > 20
    assert named <= written


def test_everybody_who_could_do_something_has_a_test_except_who_is_trusted() -> None:
    threats, shown = halves()

    who = set(_ROW.findall(threats))

    assert who - set(_ROW.findall(shown)) == {"whoever may edit `manifest.yaml`"}
