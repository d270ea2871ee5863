"""Standard streams as they are found: closed, full, or of a terminal that knows few characters."""

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
    Put nothing in the place of a closed stream, so that no file opened later gets its number; and
    let what an encoding lacks be written as JSON writes it.
    """
    codecs.register_error(_ESCAPED, _escaped)
    sys.stdin = sys.stdin or _nothing(0, "r")
    sys.stdout = sys.stdout or _nothing(1, "w")
    sys.stderr = sys.stderr or _nothing(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def flushed(code: int) -> int:
    """`code`, or another than 0 where what was said does not arrive."""
    try:
        sys.stdout.flush()
    except OSError:
        # Why was said when it was written; where the reader has gone, nobody is left to be told.
        return code or _FAILED
    return code


def written(write: Callable[[], object], code: int) -> int:
    """`code`, once `write` has written the answer; another than 0 where it cannot be written."""
    try:
        write()
    except OSError as error:
        return unwritten(error, code)
    return code


def unwritten(error: OSError, code: int) -> int:
    """How a command ends that would have ended with `code`, had its answer been written."""
    # Where the reader has gone, so has the reason to complain.
    if not isinstance(error, BrokenPipeError):
        remark(f"The answer could not be written: {error.strerror or error}")
    return code or _FAILED


def remark(text: str) -> None:
    """Say on stderr what nobody has to hear: work goes on where it cannot be written."""
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
