"""The colours of verdicts."""

import re

import click

_COLOURS = {
    "passed": "green",
    **dict.fromkeys(("warning", "drifted", "locked", "awaiting_approval"), "yellow"),
    **dict.fromkeys(("blocked", "failed", "error", "rejected"), "red"),
    **dict.fromkeys(("BLOCKED", "FAILED", "PROBLEM"), "red"),
}
# A verdict begins a line, a cell of a table, or a note in it.
_VERDICT = re.compile(rf"(?:^|(?<=  )|(?<=; ))(?:{'|'.join(_COLOURS)})(?=[ :]|$)")
_NOT_DONE = re.compile(r"^(?:Not [a-z]+(?: [a-z]+)?|No [a-z]+)(?=: )")


def paint(line: str) -> str:
    """Colour the verdicts in `line`."""
    line = _NOT_DONE.sub(lambda found: click.style(found[0], fg="red"), line)
    return _VERDICT.sub(lambda found: click.style(found[0], fg=_COLOURS[found[0]]), line)
