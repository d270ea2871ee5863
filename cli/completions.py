"""Completes environments, versions and IDs of changes in a shell: quickly, and silent on errors."""

import io
import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, suppress
from threading import Thread
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from engine.config import ProductChoice

if TYPE_CHECKING:
    from engine.config import Config

# A person waits for each of them.
_PATIENCE_SECONDS = 2.0
_MOST = 200
# The largest page of a server.
_PAGE = 500
_Items = Iterable[tuple[str, str]]


def answer_shell(command: click.Command, arguments: list[str]) -> int:
    """Answer the shell that set _FLOE_COMPLETE; it would show errors between its own lines."""
    with suppress(Exception), redirect_stderr(io.StringIO()):
        try:
            command.main(arguments, standalone_mode=False, prog_name="floe")
        except SystemExit as ended:
            return int(ended.code or 0)
    return 1


def environments(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete an environment of the path."""
    return _complete(ctx, incomplete, _environments)


def versions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a published version, newest first."""
    return _complete(ctx, incomplete, _versions)


def changes(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ID of an open change."""
    return _complete(ctx, incomplete, _changes)


def _complete(
    ctx: click.Context, incomplete: str, read: Callable[[ProductChoice], _Items]
) -> list[CompletionItem]:
    found: list[CompletionItem] = []

    def work() -> None:
        with suppress(Exception):
            matching = [item for item in read(_choice(ctx)) if item[0].startswith(incomplete)]
            found.extend(CompletionItem(name, help=text) for name, text in matching[:_MOST])

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    return list(found)


def _choice(ctx: click.Context) -> ProductChoice:
    """The manifest of the command, or the one of a directory above."""
    chosen: ProductChoice = ctx.params["manifest"]
    if chosen.file.exists() or os.environ.get("FLOE_SERVER"):
        return chosen
    from cli.nearest_manifest import manifest_above

    return ProductChoice(manifest_above(chosen.file.absolute().parent) or chosen.file, chosen.name)


def _environments(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            return [(row.environment, "") for row in server.status(None, None).document]
    return [(name, "") for name in _load(chosen).path.names]


def _versions(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.bootstrap import open_engine
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            page = server.versions(None, _PAGE, None).document
            return [(each.version, each.description) for each in page.versions]
    with open_engine(_load(chosen), needs=()) as engine:
        return [(version, "") for version in engine.versions.tags(()).environments]


def _changes(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.bootstrap import changes_in_flight, open_engine
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            found = server.changes(False, _MOST).document
            return [(each.change_id, f"{each.version} to {each.target}") for each in found]
    config = _load(chosen)
    with open_engine(config, needs=()) as engine:
        pending = changes_in_flight(config, engine)
    return [(each.id, f"{each.version} to {each.target}") for each in pending]


def _load(chosen: ProductChoice) -> "Config":
    return chosen.load(os.environ)
