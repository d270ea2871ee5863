"""The command `floe platform status`."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.errors import failure_lines
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.status import last_read_lines, status_answer, with_history
from cli.render.told import ToldPending
from cli.stdio import remark
from engine.api import Engine
from engine.bootstrap import changes_in_flight, open_engine
from engine.config import Config, load_config
from engine.domain.change import Change
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.status import EnvironmentStatus
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import Document, error_document
from engine.responses.ledger import status_document

FORMATS = ["table", "json", "yaml"]


@click.command()
@click.option("--env", "environment", help="Only this environment.")
@click.option(
    "--history", type=click.IntRange(1, 1000), help="Show the newest N records of each environment."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", type=click.Choice(FORMATS), help="The same as --format.")
@options.manifest
def status(
    environment: str | None, history: int | None, form: str, output: str | None, manifest: Path
) -> None:
    """
    Show the version, digest, operator, time, locks, drift and open changes of environments.

    An environment with an unreadable ledger is a row with its error. Exit code 0 if at least one
    environment can be read, else 5.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_status, environment, history, trace, manifest)
    deliver(output or form, ask, partial(_failure, environment, trace))


def _status(environment: str | None, history: int | None, trace: str, manifest: Path) -> Answer:
    with through_server(trace) as server:
        if server:
            return server.status(environment, history)
    config = load_config(manifest, os.environ)
    with open_engine(config, needs=()) as engine:
        rows = engine.add_published(engine.status(environment))
        histories = None
        if history is not None:
            read = [with_history(row, partial(engine.history, row.name, history)) for row in rows]
            rows, histories = tuple(row for row, _ in read), [entries for _, entries in read]
        pending = _in_flight(config, engine)
    documents = [_document(row, pending) for row in rows]
    told = [[ToldPending.model_validate(each) for each in d["pending"] or ()] for d in documents]
    return status_answer(rows, documents, told, histories)


def _document(row: EnvironmentStatus, pending: Sequence[Change] | None) -> Document:
    if pending is not None:
        pending = [change for change in pending if change.target == row.name]
    return status_document(row, pending)


def _in_flight(config: Config, engine: Engine) -> tuple[Change, ...] | None:
    """Return the open changes, or None if the store cannot be read: status works without them."""
    try:
        return changes_in_flight(config, engine)
    except StoreUnavailableError as error:
        remark(printable(f"Changes in flight are not shown: {error}"))
        return None


def _failure(environment: str | None, trace: str, error: PromotionError) -> Answer:
    document = {"success": False, "trace_id": trace, "error": error_document(error)}
    read = last_read_lines(error, environment)
    lines = [*failure_lines("No answer", error), *read, f"Trace ID: {trace}"]
    return Answer(document, lines, error.exit_code, failed=True)
