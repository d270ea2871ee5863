"""The command `floe state adopt`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from cli.server_lock import sole_server
from engine.bootstrap import adopt_state
from engine.config.installation import load_product
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.state import AdoptionResponse


@click.command()
@click.argument("product", type=options.Text())
@options.server_file
@options.output
def adopt(product: str, manifest: Path, output: str) -> None:
    """
    Give the changes that one manifest left in the state to PRODUCT of a server file.

    Stop all servers before: run this once, when a server file replaces the manifest that was
    served. The history needs no such step, because it is in the registry.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_adopt, product, manifest, trace), partial(_failure, trace))


def _adopt(product: str, manifest: Path, trace: str) -> Answer:
    config = load_product(manifest, os.environ, product)
    config.require("state.url")
    with sole_server(config.state_dir):
        number = adopt_state(config)
    response = AdoptionResponse.build(success=True, product=product, changes=number, trace_id=trace)
    return Answer(response, [f"Changes that belong to {product} now: {number}", trace_line(trace)])


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not adopted", ErrorResponse.of(error, trace), error, trace)
