"""The command `floe state migrate`."""

import os
from functools import partial
from pathlib import Path

import click

from bot.database import MIGRATIONS
from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from engine.bootstrap.state import migrate_state
from engine.config import load_config
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.state import StateResponse


@click.command()
@options.manifest
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
    versions = migrate_state(load_config(manifest, os.environ), {"bot": MIGRATIONS})
    lines = [f"{kind}: version {version}" for kind, version in versions.items()]
    response = StateResponse.build(success=True, versions=dict(versions), trace_id=trace)
    return Answer(response, [*lines, trace_line(trace)])


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not migrated", ErrorResponse.of(error, trace), error, trace)
