"""Options that commands share."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.config import ProductChoice
from engine.domain.product import UNNAMED, with_product

_PRODUCT = "floe.product"
F = TypeVar("F", bound=Callable[..., Any])


def _keep_product(context: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        context.meta[_PRODUCT] = name


def _choose(context: click.Context, _param: click.Parameter, file: Path) -> ProductChoice:
    return ProductChoice(file, context.meta.get(_PRODUCT))


def with_chosen_product(text: str) -> str:
    """Return `text` with the product that this command chose in each command that it names."""
    context = click.get_current_context(silent=True)
    return with_product(text, context.meta.get(_PRODUCT) or UNNAMED) if context else text


def _file(**more: Any) -> Callable[[F], F]:
    return click.option(
        "--manifest",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("manifest.yaml"),
        show_default=True,
        envvar="FLOE_MANIFEST",
        show_envvar=True,
        help="The platform's manifest.yaml, or the file of a server of several products.",
        **more,
    )


server_file = _file()
_product = click.option(
    "--product",
    expose_value=False,
    # Before `manifest`, which takes it up.
    is_eager=True,
    callback=_keep_product,
    envvar="FLOE_PRODUCT",
    show_envvar=True,
    help="The product, where a server has several.",
)


def manifest(command: F) -> F:
    """Add the options that choose a product, as the parameter `manifest`: a ProductChoice."""
    return _file(callback=_choose)(_product(command))


output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output for people, or JSON for programs.",
)


class Text(click.ParamType[str]):
    """Text in valid UTF-8; Python decodes other bytes as lone surrogates."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail(f"'{value}' is not valid UTF-8: type it again as text", param, ctx)
        return str(value)


class Duration(click.ParamType[int]):
    """A duration such as `30m` or `1h30m`, in seconds."""

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
    A required reason. A terminal prompts for it; elsewhere the error shows the whole command.

    A dry run needs none, since it leaves no record.
    """

    def consume_value(self, ctx: click.Context, opts: Any) -> Any:
        value, source = super().consume_value(ctx, opts)
        if self.value_is_missing(value) and not ctx.resilient_parsing:
            if ctx.params.get("dry_run"):
                return "", source
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise click.UsageError(self._usage_hint(ctx), ctx)
            # Stdout is for the answer alone.
            value = click.prompt("Reason", err=True)
        return value, source

    def _usage_hint(self, ctx: click.Context) -> str:
        words = [ctx.command_path]
        for param in ctx.command.params:
            value = ctx.params.get(param.name or "")
            if param.required and param is not self and value is not None:
                words += [] if isinstance(param, click.Argument) else [param.opts[0]]
                words.append(shlex.quote(str(value)))
        command = with_chosen_product(" ".join(words))
        return f"Missing option '--reason': give one. {command} --reason 'why'"


class Words(click.Argument):
    """
    Arguments that stand for the options `instead_of`, in this order, where those are left out.

    So `lock prod "INC-1"`, `lock prod --reason INC-1` and `lock --env prod "INC-1"` are the same.
    """

    def __init__(self, *declarations: Any, instead_of: tuple[str, ...], **more: Any) -> None:
        super().__init__(*declarations, **more)
        self.instead_of = instead_of

    def consume_value(self, ctx: click.Context, opts: Any) -> Any:
        value, source = super().consume_value(ctx, opts)
        words = value if isinstance(value, tuple) else ()
        left_out = [name for name in self.instead_of if name not in opts]
        if surplus := words[len(left_out) :]:
            raise click.UsageError(f"Got unexpected extra argument ({' '.join(surplus)})", ctx)
        # The options are processed after this argument, which is eager.
        opts.update(zip(left_out, words, strict=False))
        return value, source


def words(**instead_of: str) -> Callable[[F], F]:
    """Add arguments for options: each parameter's name, with the word that the usage shows."""
    return click.argument(
        "words",
        cls=Words,
        instead_of=tuple(instead_of),
        nargs=-1,
        metavar=" ".join(f"[{word}]" for word in instead_of.values()),
        expose_value=False,
        is_eager=True,
        type=Text(),
    )


def reason(help_text: str) -> Callable[[F], F]:
    """Return the required option `--reason` with `help_text`."""
    return click.option("--reason", cls=Reason, required=True, help=help_text)


break_glass = click.option(
    "--break-glass",
    is_flag=True,
    help="In an incident: skip approvals, windows and locks. Another person must review it.",
)
incident = click.option("--incident", default="", help="With --break-glass: its incident.")
wait = click.option(
    "--wait",
    type=Duration(),
    default=0,
    metavar="DURATION",
    help="Wait this long for approvals, for example 30m.",
)
