"""The command `floe platform webhooks`."""

import os
from functools import partial

import click

from cli import options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.webhooks import render
from engine.bootstrap import WEBHOOKS, open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.ports.webhooks import redeliver_failed
from engine.responses.common import ErrorInfo
from engine.responses.webhooks import WebhooksResponse


@click.command()
@click.option(
    "--redeliver",
    type=options.Text(),
    metavar="ID|all",
    help="Deliver a failed webhook again, and report the result.",
)
@options.output
@options.manifest
def webhooks(redeliver: str | None, output: str, manifest: ProductChoice) -> None:
    """
    List failed webhook deliveries and their errors.

    Exit code 0 for a complete list, with --redeliver if every delivery succeeded; 1 if one failed
    again; 3 if no failed delivery has that ID.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_webhooks, redeliver, trace, manifest)
    deliver(output, ask, partial(_failure, trace))


def _webhooks(redeliver: str | None, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.webhooks(redeliver)
    with open_reading_engine(manifest, WEBHOOKS) as engine:
        sender = engine.webhooks
        again = redeliver_failed(sender, redeliver) if redeliver else ()
        failed, waiting = sender.undelivered(), sender.waiting()
    return render(WebhooksResponse.of(failed, waiting, again, trace))


def _failure(trace: str, error: PromotionError) -> Answer:
    response = WebhooksResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No answer", response, error, trace)
