"""Command groups that import a command when it is called, which keeps `--help` fast."""

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from engine.domain.text import closest_match

# The width of a help line beside the name of the command.
_LINE = 66


class LazyGroup(click.Group):
    """
    A group that knows its commands by name, module and one line of help.

    `short_forms` are commands of other groups that are also here, under a heading of their own.
    """

    def __init__(
        self,
        name: str,
        help: str,
        lazy: Mapping[str, tuple[str, str]],
        epilog: str | None = None,
        short_forms: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        settings = {"help_option_names": ["-h", "--help"]}
        super().__init__(
            name=name, help=help, epilog=epilog, no_args_is_help=True, context_settings=settings
        )
        self.lazy = lazy
        self.short_forms = short_forms or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx), *self.short_forms]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self.lazy.get(cmd_name) or self.short_forms.get(cmd_name)
        if found is None:
            return super().get_command(ctx, cmd_name)
        module, attribute = found[0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = _help_lines(self.lazy)
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            rows.append((name, command.get_short_help_str(_LINE) if command else ""))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        if self.short_forms:
            with formatter.section("Short forms of `floe platform …`"):
                formatter.write_dl(_help_lines(self.short_forms))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.list_commands(ctx):
            raise click.UsageError(f"No such command '{args[0]}'.{self._near(args[0], ctx)}", ctx)
        return super().resolve_command(ctx, args)

    def _near(self, word: str, ctx: click.Context) -> str:
        """Suggest a command of this group, or one of that name in another group."""
        elsewhere = [path for path in _paths(ctx.find_root().command) if path.endswith(f" {word}")]
        close = closest_match(word, self.list_commands(ctx))
        found = elsewhere or ([close] if close else [])
        return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""


def _paths(group: click.Command, path: str = "floe") -> Iterator[str]:
    """Yield the full names of all commands below `group`, without importing them."""
    if isinstance(group, LazyGroup):
        yield from (f"{path} {name}" for name in (*group.lazy, *group.short_forms))
        for name, inner in group.commands.items():
            yield f"{path} {name}"
            yield from _paths(inner, f"{path} {name}")


def _help_lines(commands: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, line) for name, (_, line) in commands.items()]
