"""The command `floe platform windows`."""

import os
from collections.abc import Sequence
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.table import show, when
from engine.bootstrap import open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.status import EnvironmentWindows, WindowResponse, WindowsResponse

_HEADS = ("ENVIRONMENT", "OPERATION", "STATE", "WINDOW", "NEXT OPENING", "NEXT CLOSING", "REASON")


@click.command()
@click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)
@options.output
@options.manifest
def windows(environment: str | None, output: str, manifest: ProductChoice) -> None:
    """
    Show which environments freeze windows close, and when they open and close next.

    The registry is not asked. Exit code 0, also while an environment is closed.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_windows, environment, trace, manifest), partial(_failure, trace))


def _windows(environment: str | None, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return _render(server.windows(environment), trace)
    with open_reading_engine(manifest) as engine:
        found = engine.windows(environment)
    return _render([EnvironmentWindows.of(*each) for each in found.items()], trace)


def _render(found: Sequence[EnvironmentWindows], trace: str) -> Answer:
    shown = [(each.environment, window) for each in found for window in each.windows]
    lines = show(_HEADS, [_row(*each) for each in shown]) if shown else ["No freeze windows"]
    faults = [
        f"{environment}: the calendar of '{window.window}' cannot be read: {window.fault}"
        for environment, window in shown
        if window.fault
    ]
    response = WindowsResponse.build(success=True, environments=found, trace_id=trace)
    return Answer(response, [*lines, *map(printable, dict.fromkeys(faults))])


def _row(environment: str, window: WindowResponse) -> tuple[str, ...]:
    return (
        environment,
        window.operation,
        "open" if window.open else "closed",
        printable(window.window or "-"),
        when(window.opens_at),
        when(window.closes_at),
        printable(window.reason or "-"),
    )


def _failure(trace: str, error: PromotionError) -> Answer:
    response = WindowsResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No answer", response, error, trace)
