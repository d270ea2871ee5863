"""The command `floe platform versions`."""

import os
from dataclasses import replace
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render import versions as rendering
from cli.render.common import failure
from cli.stdio import remark
from engine.bootstrap import changes_in_flight, open_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.domain.versions import with_changes
from engine.responses.versions import VersionsResponse


@click.command()
@click.option(
    "--env",
    "environment",
    help="Only versions that are or were in this environment.",
    shell_complete=completions.environments,
)
@click.option("--limit", type=click.IntRange(1, 500), default=rendering.LIMIT, show_default=True)
@click.option(
    "--after",
    metavar="VERSION",
    type=options.Text(),
    help="Only older versions.",
    shell_complete=completions.versions,
)
@options.manifest
@options.output
def versions(
    environment: str | None, limit: int, after: str | None, manifest: ProductChoice, output: str
) -> None:
    """
    List the published versions, newest first: where each is and was, and where it can go next.

    A version has a tag of its own (v1.2.3) or of an environment (v1.2.3-dev). Those of semantic
    versioning come first, in its order.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_versions, environment, limit, after, trace, manifest)
    deliver(output, ask, partial(_failure, trace))


def _versions(
    environment: str | None, limit: int, after: str | None, trace: str, manifest: ProductChoice
) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.versions(environment, limit, after)
    config = manifest.load(os.environ)
    with open_engine(config, needs=()) as engine:
        rows = engine.status()
        page = engine.versions.page(rows, limit, after, environment)
        try:
            pending = changes_in_flight(config, engine)
        except StoreUnavailableError as error:
            remark(printable(f"Changes in flight are not shown: {error}"))
            pending = ()
    page = replace(page, rows=with_changes(page.rows, pending))
    return rendering.render(VersionsResponse.of(page, rows, trace), environment, limit)


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not listed", VersionsResponse.failed(error, trace), error, trace)
