"""--watch: show an answer again whenever it changes."""

import sys
import time
from collections.abc import Callable
from functools import partial

import click

from cli.errors import INTERRUPTED
from cli.output import Answer, shown_lines
from cli.stdio import clear_passing, moves_cursor, show_passing
from engine.domain.errors import UnavailableError
from engine.domain.text import printable

_SECONDS = 3
# Home, and erase below.
_HOME = "\x1b[H\x1b[J"


def watch_always(ask: Callable[[], Answer], output: str) -> Callable[[], Answer]:
    """Return the call that shows the answer of `ask` until Ctrl-C; UsageError for documents."""
    if output != "table":
        raise click.UsageError(
            f"--watch shows a table: leave out --output {output}", click.get_current_context()
        )
    return partial(watch, ask, lambda _: False, silent=False)


def watch(ask: Callable[[], Answer], ended: Callable[[Answer], bool], *, silent: bool) -> Answer:
    """
    Ask until the answer has `ended`, and return that one; show those before it unless `silent`.

    A terminal shows the newest answer alone. Once there was one, an unavailable registry or server
    is asked again.
    """
    try:
        return _watch(ask, ended, silent=silent)
    except KeyboardInterrupt:
        if silent:
            raise
        return Answer(None, exit_code=INTERRUPTED)


def _watch(ask: Callable[[], Answer], ended: Callable[[Answer], bool], *, silent: bool) -> Answer:
    shown: list[str] | None = None
    while True:
        try:
            answer = ask()
        except UnavailableError as error:
            if shown is None:
                raise
            show_passing(printable(f"… trying again: {error}"))
        else:
            if ended(answer):
                _clear(again=not silent and shown is not None)
                return answer
            if not silent and answer.lines != shown:
                _clear(again=True)
                _print(shown_lines(answer, sys.stdout))
            shown = answer.lines
        time.sleep(_SECONDS)


def _clear(*, again: bool) -> None:
    clear_passing()
    if again and moves_cursor(sys.stdout):
        click.echo(_HOME, nl=False, color=True)


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
