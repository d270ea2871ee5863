"""Robust standard streams: closed, full, or with an encoding of few characters."""

import codecs
import json
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Literal, TextIO

import click

_FAILED = 1
_ESCAPED = "floe.escaped"


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


def remark(text: str) -> None:
    """Print `text` on stderr, and ignore a stderr that cannot be written."""
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
