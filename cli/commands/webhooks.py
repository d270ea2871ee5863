"""`floe platform webhooks`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.webhooks import failure, told
from engine.bootstrap import WEBHOOKS, open_reading
from engine.domain.trace import trace_id
from engine.ports.webhooks import try_again
from engine.responses.webhooks import webhooks_document


@click.command()
@click.option(
    "--redeliver",
    type=options.Text(),
    metavar="ID|all",
    help="Try again what was given up, and say how it went.",
)
@options.output
@options.manifest
def webhooks(redeliver: str | None, output: str, manifest: Path) -> None:
    """
    Show what webhooks were not told of, and why.

    Exit code 0 when the list could be read, with --redeliver when nothing of it failed again; 1
    when something did; 3 when nothing of that id was given up.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_webhooks, redeliver, trace, manifest)
    deliver(output, ask, partial(failure, trace))


def _webhooks(redeliver: str | None, trace: str, manifest: Path) -> Answer:
    with through_server(trace) as server:
        if server:
            return server.webhooks(redeliver)
    with open_reading(manifest, WEBHOOKS) as engine:
        announcer = engine.announcer
        again = try_again(announcer, redeliver) if redeliver else ()
        return told(webhooks_document(announcer.undelivered(), announcer.waiting(), again, trace))
