"""Every test that the threat model names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?!who \||---)([^|]+?) \|", re.MULTILINE)


def halves() -> tuple[str, str]:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    before, after = text.split("## Shown by")
    return before, after.split("\n## ")[0]


def test_every_named_test_exists() -> None:
    _, shown = halves()
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    written = {name for text in sources for name in re.findall(r"def (test_\w+)\(", text)}

    named = set(re.findall(r"`(test_\w+)`", shown))

    assert len(named) > 20
    assert named <= written


def test_every_attacker_has_a_test_except_trusted_ones() -> None:
    threats, shown = halves()

    who = set(_ROW.findall(threats))

    assert who - set(_ROW.findall(shown)) == {"an editor of `manifest.yaml`"}
