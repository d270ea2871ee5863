"""Options that commands share."""

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from cli import completions
from cli.stdio import remark
from engine.config import Config, ProductChoice
from engine.domain.product import UNNAMED, with_product
from engine.domain.text import printable

if TYPE_CHECKING:  # few commands have a gate
    from engine.domain.gate import GateKind

_PRODUCT = "floe.product"
_QUIET = "floe.quiet"
_ABOVE = "floe.manifest_above"
F = TypeVar("F", bound=Callable[..., Any])


def _keep_product(context: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        context.meta[_PRODUCT] = name


class _ManifestAbove(ProductChoice):
    """The manifest of a directory above the working directory, which is named when it is read."""

    def load(self, environ: Mapping[str, str]) -> Config:
        announced(self.file)
        return super().load(environ)


def _choose(context: click.Context, param: click.Parameter, file: Path) -> ProductChoice:
    found = _search(context, param, file)
    kind = ProductChoice if found == file else _ManifestAbove
    return kind(found, context.meta.get(_PRODUCT))


def _search_aloud(context: click.Context, param: click.Parameter, file: Path) -> Path:
    return announced(_search(context, param, file))


def _search(context: click.Context, param: click.Parameter, file: Path) -> Path:
    """Return `file`, or the one of a directory above if none was named and none is here."""
    named = context.get_parameter_source(param.name or "") is not ParameterSource.DEFAULT
    if named or context.resilient_parsing or file.exists():
        return file
    from cli.nearest_manifest import manifest_above  # few commands run below their manifest
    from engine.domain.errors import ConfigError

    try:
        found = manifest_above(Path.cwd())
    except (ConfigError, OSError) as error:
        raise click.UsageError(str(error), context) from error
    context.meta[_ABOVE] = found
    return found or file


def announced(file: Path) -> Path:
    """Return `file`; once, name it on stderr if it was found above the working directory."""
    context = click.get_current_context(silent=True)
    if context and context.meta.get(_ABOVE) == file:
        del context.meta[_ABOVE]
        remark(f"Using {printable(str(file))}")
    return file


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
        help="The platform's manifest.yaml, which may be in a directory above, or the file of a "
        "server of several products.",
        **more,
    )


server_file = _file(callback=_search_aloud)
# The command calls `announced` if it reads the file.
optional_file = _file(callback=_search)
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


_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output for people, or JSON for programs.",
)


def _keep_quiet(context: click.Context, _param: click.Parameter, value: bool) -> None:
    context.meta[_QUIET] = value


def is_quiet() -> bool:
    """Return whether the running command has --quiet."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_QUIET))


quiet = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_keep_quiet,
    help="Print no progress: only the answer, warnings, and output of failed gates.",
)


def output(command: F) -> F:
    """Add the options of the answer; --output is the parameter `output`."""
    return _output(quiet(command))


class Text(click.ParamType[str]):
    """Text in valid UTF-8; Python decodes other bytes as lone surrogates."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail(f"'{value}' is not valid UTF-8: type it again as text", param, ctx)
        return str(value)


class Gate(click.ParamType["GateKind"]):
    """The name of a gate: a built-in kind, or that of a plug-in."""

    name = "gate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "GateKind":
        from engine.domain.gate import GateKind

        try:
            return GateKind(str(value))
        except ValueError as error:
            self.fail(f"{error}, or one of {', '.join(GateKind)}", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's
        return "GATE"


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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the next word if it stands for an environment."""
        following = next((name for name in self.instead_of if not ctx.params.get(name)), None)
        if following in ("environment", "target"):
            return completions.environments(ctx, self, incomplete)
        return []


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


watch = click.option(
    "-w", "--watch", is_flag=True, help="Show it again whenever it changes, until Ctrl-C."
)
web = click.option("--web", is_flag=True, help="Open the page in the browser instead.")
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
