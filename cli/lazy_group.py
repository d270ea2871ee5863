"""Command groups that import a command when it is called, which keeps `--help` fast."""

from importlib import import_module

import click

# The width of a help line beside the name of the command.
_LINE = 66


class LazyGroup(click.Group):
    """
    A group that knows its commands by name, module and one line of help.
    """

    def __init__(
        self, name: str, help: str, lazy: dict[str, tuple[str, str]], epilog: str | None = None
    ) -> None:
        super().__init__(name=name, help=help, epilog=epilog, no_args_is_help=True)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute = self._lazy[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, line) for name, (_, line) in self._lazy.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            rows.append((name, command.get_short_help_str(_LINE) if command else ""))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.list_commands(ctx):
            raise click.UsageError(f"No such command '{args[0]}'.{self._near(args[0], ctx)}", ctx)
        return super().resolve_command(ctx, args)

    def _near(self, word: str, ctx: click.Context) -> str:
        from difflib import get_close_matches  # imported for a typo only

        close = get_close_matches(word, self.list_commands(ctx), 1)
        return f" Did you mean '{close[0]}'?" if close else ""
