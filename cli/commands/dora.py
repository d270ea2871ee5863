"""The command `floe platform dora`."""

import os
from contextlib import closing
from functools import partial

import click

from cli import options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.table import show, when
from engine.bootstrap import open_reading_engine
from engine.config import ProductChoice
from engine.domain.dora import LOOKBACK, check_period, figures
from engine.domain.errors import PromotionError
from engine.domain.selection import Selection, parse_time
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.dora import FIGURES, DoraResponse

_HEADS = ("ENVIRONMENT", *(name.upper() for name in FIGURES))


@click.command()
@click.option(
    "--since",
    default="30d",
    show_default=True,
    help="Begin of the period: 30d, 12h, 2026-09-01, or 2026-09-01T12:00 in UTC.",
)
@options.output
@options.manifest
def dora(since: str, output: str, manifest: ProductChoice) -> None:
    """
    Show how often, how fast and how safely each environment is changed.

    The figures of https://dora.dev, computed from the ledgers only; the answer has their
    definitions.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_dora, since, trace, manifest), partial(_failure, trace))


def _dora(since: str, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return _render(server.dora(since))
    with open_reading_engine(manifest) as engine:
        until = engine.now()
        begin = parse_time(since, until)
        check_period(begin, until)
        with closing(engine.audit(Selection(since=begin - LOOKBACK))) as entries:
            found = figures(engine.path.names, (e.record for e in entries), begin, until)
    return _render(DoraResponse.of(found, begin, until, trace))


def _render(response: DoraResponse) -> Answer:
    table = show(_HEADS, [(each.environment, *each.texts) for each in response.environments])
    lines = [f"Delivery since {when(response.since)}", *table, ""]
    lines += [f"{name}: {meaning}" for name, meaning in response.definitions.items()]
    unread = sum(response.unread.values())
    warning = f"The server has not read {unread} older records yet: ask again in a minute"
    return Answer(response, lines, warnings=(warning,) if unread else ())


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("No answer", ErrorResponse.of(error, trace), error, trace)
