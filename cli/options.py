"""Options every command shares."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

manifest = click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("manifest.yaml"),
    show_default=True,
    envvar="FLOE_MANIFEST",
    show_envvar=True,
    help="The platform's manifest.yaml.",
)
output = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)


class Text(click.ParamType[str]):
    """Text, and not the bytes that python makes lone surrogates of."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail(f"'{value}' is not valid UTF-8: type it again as text", param, ctx)
        return str(value)


class Duration(click.ParamType[int]):
    """`30m`, `1h30m`: seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from engine.domain.errors import UsageError
        from engine.domain.parsing import parse_duration

        try:
            return parse_duration(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Reason(click.Option):
    """
    A required reason, asked for on a terminal; elsewhere the error shows the whole command. A dry
    run goes without: it leaves no record.
    """

    def consume_value(self, ctx: click.Context, opts: Any) -> Any:
        value, source = super().consume_value(ctx, opts)
        if self.value_is_missing(value) and not ctx.resilient_parsing:
            if ctx.params.get("dry_run"):
                return "", source
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise click.UsageError(self._explained(ctx), ctx)
            # On stderr: the answer alone is on stdout.
            value = click.prompt("Reason", err=True)
        return value, source

    def _explained(self, ctx: click.Context) -> str:
        words = [ctx.command_path]
        for param in ctx.command.params:
            value = ctx.params.get(param.name or "")
            if param.required and param is not self and value is not None:
                words += [] if isinstance(param, click.Argument) else [param.opts[0]]
                words.append(shlex.quote(str(value)))
        return f"Missing option '--reason': give one. {' '.join(words)} --reason 'why'"


def reason(what: str) -> Callable[[F], F]:
    """`--reason`, which the command cannot do without; `what` says what becomes of it."""
    return click.option("--reason", cls=Reason, required=True, help=what)


wait = click.option(
    "--wait",
    type=Duration(),
    default=0,
    metavar="DURATION",
    help="Where approvals are needed: wait this long for them, e.g. 30m.",
)
