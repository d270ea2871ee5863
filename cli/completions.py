"""Completes environments, versions and IDs of changes in a shell: quickly, and silent on errors."""

import io
import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, suppress
from threading import Thread
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
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


class _Unnamed(ProductChoice):
    """A manifest that was found without being named; a stranger may have written it."""


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
    if _is_named(ctx):
        return chosen
    from cli.nearest_manifest import manifest_above, refuse_foreign

    file = chosen.file.absolute()
    if file.exists():
        refuse_foreign(file)
        return _Unnamed(chosen.file, chosen.name)
    return _Unnamed(manifest_above(file.parent) or chosen.file, chosen.name)


def _is_named(ctx: click.Context) -> bool:
    named = ctx.get_parameter_source("manifest") is not ParameterSource.DEFAULT
    return named or bool(os.environ.get("FLOE_SERVER", "").strip())


def _environments(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            return [(row.environment, "") for row in server.status(None, None).document]
    return [(name, "") for name in _load(chosen).path.names]


def _versions(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.bootstrap.completion import published_versions
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            page = server.versions(None, _PAGE, None).document
            return [(each.version, each.description) for each in page.versions]
    return [(version, "") for version in published_versions(_load_to_read(chosen))]


def _changes(chosen: ProductChoice) -> _Items:
    from cli.remote.selection import through_server
    from engine.bootstrap.completion import open_changes
    from engine.domain.trace import trace_id

    with through_server(trace_id(), chosen) as server:
        if server:
            found = server.changes(False, _MOST).document.changes
            return [(each.change_id, f"{each.version} to {each.target}") for each in found]
    pending = open_changes(_load_to_read(chosen))
    return [(each.id, f"{each.version} to {each.target}") for each in pending]


def _load(chosen: ProductChoice) -> "Config":
    return chosen.load(os.environ)


def _load_to_read(chosen: ProductChoice) -> "Config":
    """ConfigError for an unnamed manifest with addresses: they could get secrets of a person."""
    from engine.bootstrap.completion import is_local
    from engine.domain.errors import ConfigError

    config = _load(chosen)
    if isinstance(chosen, _Unnamed) and not is_local(config):
        raise ConfigError(f"{chosen.file} is not named, so nothing is sent to its hosts")
    return config
