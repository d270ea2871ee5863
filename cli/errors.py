"""Errors as answers: a sentence for people, a document for programs, an exit code."""

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
    A command whose JSON answers have one shape, also for usage errors.

    `unasked` builds that shape from the parsed options and the trace id.
    """

    def __init__(
        self, *arguments: Any, unasked: Callable[[Words, str], dict[str, Any]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.unasked = unasked


def usage_failure(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Print a usage error, with `--output json` as a document too; return the exit code."""
    message, context = _explained(error), getattr(error, "ctx", None)

    def say() -> None:
        if wants_json(arguments):
            click.echo(as_json(_unanswered(context, "usage", message, error.exit_code)))
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            # The message quotes user input, which must not reach the terminal unescaped.
            click.UsageError(printable(message), context).show()

    return written(say, error.exit_code)


def _explained(error: click.ClickException) -> str:
    """The message, with all words of the command if a word could stand for the missing option."""
    message = error.format_message()
    if not isinstance(error, click.MissingParameter) or not error.ctx or not error.param:
        return message
    context, missing = error.ctx, error.param
    given = [each for each in context.command.params if isinstance(each, click.Argument)]
    if not any(missing.name in getattr(each, "instead_of", ()) for each in given):
        return message
    words = " ".join(each.make_metavar(context) for each in given)
    return f"{message.rstrip('.')}: {context.command_path} {re.sub(r'[][]', '', words)}"


def interrupted(arguments: Sequence[str]) -> int:
    """Print that the command was interrupted before it began; return the exit code."""

    def say() -> None:
        if wants_json(arguments):
            click.echo(as_json(_unanswered(None, "interrupted", "Interrupted", INTERRUPTED)))
        click.echo("Interrupted", err=True)

    return written(say, INTERRUPTED)


def failure_lines(not_done: str, error: PromotionError) -> list[str]:
    """Render `error` for people: one line, plus one for each further problem of a file."""
    several = "problems" in error.details
    first, *others = str(error).splitlines() if several else [str(error)]
    return [printable(f"{not_done}: {first}"), *map(printable, others)]


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line that cannot be parsed asks for JSON."""
    options = ("-o", "--output", "--format")
    together = {"-ojson", *(f"{option}=json" for option in options)}
    pairs = zip(arguments, [*arguments[1:], ""], strict=False)
    return any(
        word in together or (word in options and following == "json") for word, following in pairs
    )


def as_json(document: Any, *, one_line: bool = False) -> str:
    """Render `document` as readable JSON without terminal control characters."""
    indent, separators = (None, (",", ":")) if one_line else (2, None)
    text = json.dumps(
        document, indent=indent, separators=separators, ensure_ascii=False, default=_plain
    )
    return _BEYOND_ASCII.sub(_escaped, text)


def _plain(value: Any) -> Any:
    # Not by its class: pydantic is not loaded where a command line is refused.
    return value.document() if hasattr(value, "document") else str(value)


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
