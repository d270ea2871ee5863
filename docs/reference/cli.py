"""Generates the reference of the command line from the commands."""

from collections.abc import Iterator

import click

from cli.lazy_group import LazyGroup
from cli.main import audit, floe, platform

_HEAD = """# The command line

<!-- Written by `make reference` from the commands. -->

Every command prints its result on stdout and its progress on stderr. `--output json` prints one [JSON document](outputs.md), even if the command
fails. The last section lists the exit codes.
"""
_SHORT_FORMS = """## Short forms

The commands that people type most have a shorter name. Both names are the same command. `-h` shows the help of every command, `-o` is
`--output`, and `floe -V` is `floe --version`.

| short form | command |
|---|---|"""
_TAIL = """## Exit codes

| exit | meaning | exit | meaning |
|---|---|---|---|
| 0 | success, or unchanged | 9 | not a step on the path |
| 1 | unexpected error; `audit verify`: problems found | 10 | tag exists with another digest, version older than the running one, or a concurrent change |
| 2 | usage or configuration | 11 | version never promoted there, or rolled back from |
| 3 | artifact or change not found | 12 | not authorized, or separation of duties |
| 5 | registry or audit backend unavailable | 13 | environment locked |
| 6 | signature | 14 | waiting for approval |
| 8 | gate | 15 | rejected, expired, stale or superseded |
| | | 130 | interrupted |

With several blockers, the first one in check order decides the exit code; the output lists all of them.
"""


def cli_page() -> str:
    return "\n".join([_HEAD, _short_forms(), *_commands(floe, "floe"), _TAIL])


def _short_forms() -> str:
    """List the commands that a shorter name runs, too."""
    full = {module: name for name, module in _full_names()}
    rows = [f"| `floe {name}` | `{full[at]}` |" for name, (at, _) in floe.short_forms.items()]
    return "\n".join([_SHORT_FORMS, *rows, ""])


def _full_names() -> Iterator[tuple[str, str]]:
    yield "floe platform audit", "cli.main:audit"
    for group, path in ((platform, "floe platform"), (audit, "floe platform audit")):
        for name, (module, _) in group.lazy.items():
            yield f"{path} {name}", module


def _commands(command: click.Command, path: str) -> Iterator[str]:
    with click.Context(command, info_name=path) as context:
        if not isinstance(command, click.Group):
            yield _section(command, context, path)
            return
        if command.invoke_without_command:
            yield _section(command, context, path)
        short_forms = command.short_forms if isinstance(command, LazyGroup) else {}
        for name in command.list_commands(context):
            if name in short_forms:
                continue
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _commands(below, f"{path} {name}")


def _section(command: click.Command, context: click.Context, path: str) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    said = " ".join((command.help or "").split())
    lines = [f"## {path}", "", said, "", "```", usage, "```", ""]
    rows = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    options = [row for row in rows if row is not None]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in options]
        lines += [""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
