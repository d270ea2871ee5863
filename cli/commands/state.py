"""The commands `floe state migrate` and `floe state rebuild`."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from bot.database import MIGRATIONS
from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from cli.render.state import render_rebuilt
from engine.bootstrap import changes_in_flight, open_engine
from engine.bootstrap.server import rebuild_records
from engine.bootstrap.state import migrate_state
from engine.config import ProductChoice, load_installation
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.status import EnvironmentStatus
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.state import RebuiltEnvironment, StateResponse
from engine.responses.status import EnvironmentResponse


@click.command()
@options.server_file
@options.output
def migrate(manifest: Path, output: str) -> None:
    """
    Make or migrate the tables in the database of state.url.

    Commands and servers do the same at their first use; run this first where they may not create
    tables.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_migrate, manifest, trace), partial(_failure, trace))


def _migrate(manifest: Path, trace: str) -> Answer:
    versions = migrate_state(load_installation(manifest, os.environ).server, {"bot": MIGRATIONS})
    lines = [f"{kind}: version {version}" for kind, version in versions.items()]
    response = StateResponse.build(success=True, versions=dict(versions), trace_id=trace)
    return Answer(response, [*lines, trace_line(trace)])


@click.command()
@options.manifest
@options.output
def rebuild(manifest: ProductChoice, output: str) -> None:
    """
    Start with a new database: read history, locks and versions from the registry, and print them.

    Servers do the same when they start. Changes in flight were only in the lost database: request
    them again. Exit code 0 if all ledgers were read, else that of the first error.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_rebuild, manifest, trace), partial(_not_rebuilt, trace))


def _rebuild(manifest: ProductChoice, trace: str) -> Answer:
    config = manifest.load(os.environ)
    if config.state_url is not None:
        migrate_state(config, {"bot": MIGRATIONS})
    with open_engine(config, needs=()) as engine:
        rows = rebuild_records(config, engine)
        pending = changes_in_flight(config, engine)
    return render_rebuilt([_rebuilt(*row, pending) for row in rows], trace)


def _rebuilt(
    status: EnvironmentStatus, records: int, pending: Sequence[Change]
) -> RebuiltEnvironment:
    to_it = [change for change in pending if change.target == status.name]
    return RebuiltEnvironment(**dict(EnvironmentResponse.of(status, to_it)), records=records)


def _not_rebuilt(trace: str, error: PromotionError) -> Answer:
    return failure("Not rebuilt", ErrorResponse.of(error, trace), error, trace)


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not migrated", ErrorResponse.of(error, trace), error, trace)
