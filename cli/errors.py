"""Failures as an answer: one sentence for people, one document for programs, one exit code."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from cli.stdio import written
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id

INTERRUPTED = 130
_BEYOND_ASCII = re.compile(r"[^\n -~]")
Words = Mapping[str, Any]


class AnsweringCommand(click.Command):
    """
    A command whose JSON answers have one shape, even where its command line is not understood.

    `unasked` makes that shape of the words that were, and of the trace id.
    """

    def __init__(
        self, *arguments: Any, unasked: Callable[[Words, str], dict[str, Any]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.unasked = unasked


def usage_failure(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Say what is wrong with the command line, as JSON too where that was asked for."""
    message, context = error.format_message(), getattr(error, "ctx", None)

    def say() -> None:
        if wants_json(arguments):
            click.echo(as_json(_unanswered(context, "usage", message, error.exit_code)))
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            # Shown anew: what was typed stands in it, and goes to no terminal as it is.
            click.UsageError(printable(message), context).show()

    return written(say, error.exit_code)


def interrupted(arguments: Sequence[str]) -> int:
    """Say that the command was ended before it began."""

    def say() -> None:
        if wants_json(arguments):
            click.echo(as_json(_unanswered(None, "interrupted", "Interrupted", INTERRUPTED)))
        click.echo("Interrupted", err=True)

    return written(say, INTERRUPTED)


def failure_lines(not_done: str, error: PromotionError) -> list[str]:
    """`error` for people: one line, and one more for each problem of a file that has several."""
    several = "problems" in error.details
    first, *others = str(error).splitlines() if several else [str(error)]
    return [printable(f"{not_done}: {first}"), *map(printable, others)]


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=False)
    options = ("--output", "--format")
    return any(
        (word in options and following == "json") or word in [f"{o}=json" for o in options]
        for word, following in pairs
    )


def as_json(document: Mapping[str, Any] | Sequence[Any], *, one_line: bool = False) -> str:
    """`document`, readable, with everything escaped that a terminal would obey."""
    indent, separators = (None, (",", ":")) if one_line else (2, None)
    text = json.dumps(
        document, indent=indent, separators=separators, ensure_ascii=False, default=str
    )
    return _BEYOND_ASCII.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def _unanswered(
    context: click.Context | None, reason_code: str, message: str, exit_code: int
) -> dict[str, Any]:
    trace = trace_id(os.environ.get("TRACEPARENT"))
    document: dict[str, Any] = {
        "success": False,
        "outcome": "failed",
        "promotion_id": None,
        "artifact_digest": None,
        "gate_results": [],
        "trace_id": trace,
    }
    if context is not None and isinstance(context.command, AnsweringCommand):
        document |= context.command.unasked(context.params, trace)
    kind = "UsageError" if reason_code == "usage" else "InterruptedRunError"
    error = {"type": kind, "reason_code": reason_code, "message": message}
    return document | {"error": error | {"exit_code": exit_code, "details": {}}}
