"""Robust standard streams: closed, full, or with an encoding of few characters."""

import codecs
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import accumulate
from threading import Lock
from typing import Literal, TextIO
from unicodedata import combining, east_asian_width

import click

_FAILED = 1
_ESCAPED = "floe.escaped"
_COLUMNS = 80
# To the first column, and erase the line.
_CLEAR = "\r\x1b[K"


@dataclass
class _Passing:
    """Whether a passing line is shown; threads report progress, too."""

    lock: Lock = field(default_factory=Lock)
    shown: bool = False


_PASSING = _Passing()


def prepare() -> None:
    """
    Replace closed streams by /dev/null, and escape characters that an encoding lacks.

    A closed stream would give its file descriptor to the next file that is opened.
    """
    codecs.register_error(_ESCAPED, _escaped)
    sys.stdin = sys.stdin or _nothing(0, "r")
    sys.stdout = sys.stdout or _nothing(1, "w")
    sys.stderr = sys.stderr or _nothing(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def flushed(code: int) -> int:
    """Flush stdout and return `code`, or 1 in place of 0 when flushing fails."""
    try:
        sys.stdout.flush()
    except OSError:
        # The error was reported on writing, unless the reader of the pipe is gone.
        return code or _FAILED
    return code


def written(write: Callable[[], object], code: int) -> int:
    """Call `write` and return `code`, or 1 in place of 0 when the answer cannot be written."""
    clear_passing()
    try:
        write()
    except OSError as error:
        return unwritten(error, code)
    return code


def unwritten(error: OSError, code: int) -> int:
    """Report a failed write and return the exit code: `code`, or 1 in place of 0."""
    # A reader that closed the pipe expects no complaint.
    if not isinstance(error, BrokenPipeError):
        remark(f"The answer could not be written: {error.strerror or error}")
    return code or _FAILED


def wants_colour(stream: TextIO) -> bool:
    """Return whether `stream` is a terminal, on which NO_COLOR (no-color.org) allows colours."""
    return moves_cursor(stream) and not os.environ.get("NO_COLOR")


def columns(stream: TextIO) -> int:
    """Return the width of a terminal, which COLUMNS may set; 80 if it is unknown."""
    with suppress(KeyError, ValueError):
        return max(int(os.environ["COLUMNS"]), 1)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    return _COLUMNS


def width(text: str) -> int:
    """Return the columns of `text` on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))


def show_passing(text: str) -> bool:
    """Show `text` on a terminal until the next output on it; return False without a terminal."""
    if not moves_cursor(sys.stderr):
        return False
    ends = accumulate(map(width, text))
    room = columns(sys.stderr) - 1
    line = text[: sum(end <= room for end in ends)]
    shown = click.style(line, dim=True) if wants_colour(sys.stderr) else line
    with _PASSING.lock, suppress(OSError):
        click.echo(f"{_CLEAR}{shown}", nl=False, err=True, color=True)
        _PASSING.shown = True
    return True


def clear_passing() -> None:
    """Remove the line of `show_passing`."""
    with _PASSING.lock, suppress(OSError):
        if _PASSING.shown:
            click.echo(_CLEAR, nl=False, err=True, color=True)
        _PASSING.shown = False


def moves_cursor(stream: TextIO) -> bool:
    """Return whether `stream` is a terminal that understands more than text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def remark(text: str) -> None:
    """Print `text` on stderr, and ignore a stderr that cannot be written."""
    clear_passing()
    try:
        click.echo(text, err=True)
    except OSError:
        return


def _nothing(number: int, mode: Literal["r", "w"]) -> TextIO:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return os.fdopen(number, mode, encoding="utf-8", closefd=False)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(json.dumps(char)[1:-1] for char in lacking), error.end
