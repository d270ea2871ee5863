"""The command `floe whoami`."""

import os
from functools import partial

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.render.whoami import render
from engine.bootstrap.whoami import local_whoami
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.whoami import WhoamiResponse


@click.command()
@options.output
@options.manifest
def whoami(output: str, manifest: ProductChoice) -> None:
    """
    Show your identity and your rights.

    On the server of FLOE_SERVER if it is set, else in local commands.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_whoami, trace, manifest), partial(_failure, trace))


def _whoami(trace: str, manifest: ProductChoice) -> Answer:
    server = os.environ.get("FLOE_SERVER", "").strip()
    if not server:
        return render(local_whoami(manifest.load(os.environ), trace))
    from cli.remote.people import whoami_at  # only a server needs an HTTP client

    return render(whoami_at(server, trace))


def _failure(trace: str, error: PromotionError) -> Answer:
    response = WhoamiResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No answer", response, error, trace)
