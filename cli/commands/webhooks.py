"""`floe platform webhooks`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.answer import Answer, deliver
from cli.render.webhooks import failure, listed
from engine.bootstrap import open_reading
from engine.domain.errors import DeliveryNotFoundError
from engine.domain.trace import trace_id
from engine.outbox import Announcer

_ALL = "all"


@click.command()
@click.option(
    "--redeliver", metavar="ID|all", help="Try again what was given up, and say how it went."
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
    with open_reading(manifest) as engine:
        announcer = engine.announcer
        again = _again(announcer, redeliver) if redeliver else ()
        if again:
            announcer.deliver_due()
        return listed(announcer.undelivered(), announcer.waiting(), again, trace)


def _again(announcer: Announcer, wanted: str) -> tuple[str, ...]:
    """The ids that are due again."""
    failed = [each.delivery.id for each in announcer.undelivered()]
    if wanted != _ALL and wanted not in failed:
        raise DeliveryNotFoundError(
            f"No delivery '{wanted}' was given up: see floe platform webhooks", {"id": wanted}
        )
    ids = failed if wanted == _ALL else [wanted]
    return tuple(each for each in ids if announcer.redeliver(each))
