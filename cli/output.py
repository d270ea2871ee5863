"""The answer of a command: its text, its document and its exit code."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import Any, NoReturn, TextIO

import click

from cli.errors import INTERRUPTED, as_json
from cli.interruption import restored_interrupts
from cli.options import with_chosen_product
from cli.stdio import remark, wants_colour, written
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.runtime.after_answer import Work, postponing

_AFTERWARDS_SECONDS = 3.0


@dataclass(frozen=True)
class Answer:
    """
    A `document` (a response, or a list of them) for programs and `lines` for people.

    The lines of a `failed` answer go to stderr; those of a dry run with blockers go to stdout.
    `warnings` go to stderr in every format.
    """

    document: Any
    lines: list[str] = field(default_factory=list)
    exit_code: int = 0
    failed: bool = False
    warnings: tuple[str, ...] = ()


class InterruptedRunError(PromotionError):
    """Ctrl-C or SIGTERM ended the run."""

    exit_code = INTERRUPTED
    reason_code = "interrupted"


def deliver(
    output: str, ask: Callable[[], Answer], failure: Callable[[PromotionError], Answer]
) -> NoReturn:
    """
    Print the answer of `ask`, or of `failure`; in JSON always exactly one document. Then do the
    work that the engine postponed, for a few seconds, without its errors.
    """
    with postponing() as later:
        answer = _answer(ask, failure)
    for warning in dict.fromkeys(answer.warnings):
        remark(f"WARNING: {printable(with_chosen_product(warning))}")
    code = written(partial(_print, output, answer), answer.exit_code)
    if later:
        _attempt(later)
    raise click.exceptions.Exit(code)


def _answer(ask: Callable[[], Answer], failure: Callable[[PromotionError], Answer]) -> Answer:
    try:
        with restored_interrupts():
            return ask()
    except PromotionError as error:
        return failure(error)
    except KeyboardInterrupt:
        return failure(InterruptedRunError("Interrupted: run the same command again to go on"))
    except Exception as error:
        if os.environ.get("FLOE_DEBUG"):
            raise
        return failure(
            PromotionError(
                f"Unexpected {type(error).__name__}: {error}. This is a defect: please report it. "
                "FLOE_DEBUG=1 shows where it happened"
            )
        )


def _attempt(work: Work) -> None:
    def quietly() -> None:
        for each in work:
            with suppress(Exception):
                each()

    thread = Thread(target=quietly, daemon=True)
    # The answer is complete: keep stderr silent.
    logging.disable()
    try:
        thread.start()
        with suppress(KeyboardInterrupt):
            thread.join(_AFTERWARDS_SECONDS)
    finally:
        logging.disable(logging.NOTSET)


def _print(output: str, answer: Answer) -> None:
    if output == "json":
        click.echo(as_json(answer.document))
    elif output == "yaml":
        click.echo(_yaml(answer.document), nl=False)
    else:
        for line in shown_lines(answer, sys.stderr if answer.failed else sys.stdout):
            click.echo(line, err=answer.failed)


def shown_lines(answer: Answer, stream: TextIO) -> list[str]:
    """The lines of `answer` on `stream`, with colours on a terminal."""
    # Lines may quote a server, which must not control the terminal.
    lines = [printable(with_chosen_product(line)) for line in answer.lines]
    if not wants_colour(stream):
        return lines
    from cli.colour import paint  # only a terminal has colours

    return [paint(line) for line in lines]


def _yaml(document: Any) -> str:
    import json

    import yaml  # the one output that needs it

    text: str = yaml.safe_dump(json.loads(as_json(document)), sort_keys=False)
    return text
