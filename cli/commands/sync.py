"""The command `floe platform sync`."""

import os
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.sync import render
from engine.bootstrap import SECONDARIES, open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.sync import SyncResponse


@click.command()
@click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)
@click.option(
    "--published", is_flag=True, help="Also copy versions that were built and never promoted."
)
@options.output
@options.manifest
def sync(environment: str | None, published: bool, output: str, manifest: ProductChoice) -> None:
    """
    Copy missing content and tags to the secondary registries, and report the repairs.

    Exit code 0 when they are complete, 5 if a registry cannot be used, 10 if a tag names another
    artifact there; everything else is repaired.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    work = partial(_sync, environment, published, trace, manifest)
    deliver(output, work, partial(_failure, trace))


def _sync(environment: str | None, published: bool, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.sync(environment, published=published)
    with open_reading_engine(manifest, SECONDARIES) as engine:
        report = engine.sync(environment, TerminalProgress(), published=published)
        return render(SyncResponse.of(report, trace))


def _failure(trace: str, error: PromotionError) -> Answer:
    response = SyncResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not synchronized", response, error, trace)
