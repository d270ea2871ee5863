"""The command `floe platform status`."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.status import last_read_lines, render_products, render_status, with_history
from cli.stdio import remark
from engine.api import Engine
from engine.bootstrap import open_engine, stored_state
from engine.config import Config, ProductChoice
from engine.domain.change import Change
from engine.domain.deployments import Deployment
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.status import EnvironmentStatus
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo, ErrorResponse
from engine.responses.product import ProductsResponse
from engine.responses.record import RecordResponse
from engine.responses.status import EnvironmentResponse

FORMATS = ["table", "json", "yaml"]


@click.command()
@options.words(environment="ENV")
@click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)
@click.option(
    "--history", type=click.IntRange(1, 1000), help="Show the newest N records of each environment."
)
@click.option("--all", "everything", is_flag=True, help="Show all products of the server.")
@options.watch
@options.web
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@options.quiet
@click.option("-o", "--output", type=click.Choice(FORMATS), help="The same as --format.")
@options.manifest
def status(
    environment: str | None,
    history: int | None,
    everything: bool,
    watch: bool,
    web: bool,
    form: str,
    output: str | None,
    manifest: ProductChoice,
) -> None:
    """
    Show the version, digest, operator, time, locks, drift and open changes of environments.

    An environment with an unreadable ledger is a row with its error, as is a product that cannot be
    read. Exit code 0 if at least one
    environment can be read, else 5.
    """
    if everything and (environment or history):
        raise click.UsageError(
            "--all takes neither --env nor --history", click.get_current_context()
        )
    if web:
        _open_page(environment, manifest, output or form)
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask: Callable[[], Answer] = partial(_status, environment, history, trace, manifest)
    if everything:
        ask = partial(_status_of_all, trace, manifest)
    if watch:
        from cli.watching import watch_always

        ask = watch_always(ask, output or form)
    failed = partial(_failure, environment, trace)
    deliver(output or form, ask, partial(_no_products, trace) if everything else failed)


def _open_page(environment: str | None, manifest: ProductChoice, output: str) -> NoReturn:
    from cli.commands.open import path_of, show_page  # few commands open a browser

    show_page(path_of(environment), manifest, output)


def _status(
    environment: str | None, history: int | None, trace: str, manifest: ProductChoice
) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.status(environment, history)
    config = manifest.load(os.environ)
    with open_engine(config, needs=()) as engine:
        rows = engine.versions.add_published(engine.status(environment))
        pending, reports = _stored(config, engine)
        responses = [_response(row, pending, reports.get(row.name, ())) for row in rows]
        if history is not None:
            read = partial(_history, engine, history)
            responses = [with_history(row, partial(read, row.environment)) for row in responses]
    return render_status(responses)


def _status_of_all(trace: str, manifest: ProductChoice) -> Answer:
    # The list of products is an address of the server, and of none of its products.
    with through_server(trace, ProductChoice(manifest.file, "")) as server:
        if server:
            return server.products()
    # Few commands need it.
    from cli.all_products import read_products

    return render_products(read_products(options.announced(manifest.file)), trace)


def _response(
    row: EnvironmentStatus, pending: Sequence[Change] | None, reports: Sequence[Deployment]
) -> EnvironmentResponse:
    if pending is not None:
        pending = [change for change in pending if change.target == row.name]
    return EnvironmentResponse.of(row, pending, reports)


def _history(engine: Engine, limit: int, environment: str) -> list[RecordResponse]:
    return [RecordResponse.of(entry) for entry in engine.history(environment, limit)]


def _stored(
    config: Config, engine: Engine
) -> tuple[tuple[Change, ...] | None, Mapping[str, tuple[Deployment, ...]]]:
    """Return open changes and reports of health; without them if the store cannot be read."""
    try:
        return stored_state(config, engine)
    except StoreUnavailableError as error:
        remark(printable(f"Changes in flight are not shown: {error}"))
        return None, {}


def _no_products(trace: str, error: PromotionError) -> Answer:
    response = ProductsResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No answer", response, error, trace)


def _failure(environment: str | None, trace: str, error: PromotionError) -> Answer:
    response = ErrorResponse.of(error, trace)
    return failure("No answer", response, error, trace, last_read_lines(error, environment))
