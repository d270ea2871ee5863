"""The command `floe platform waivers`."""

import os
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render import waivers as rendering
from cli.render.common import failure
from engine.bootstrap import open_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.waivers import WaiversResponse


@click.command()
@click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)
@click.option("--openvex", is_flag=True, help="Print an OpenVEX document for scanners.")
@options.manifest
@options.output
def waivers(environment: str | None, openvex: bool, manifest: ProductChoice, output: str) -> None:
    """
    List the waivers in force.

    With --openvex, scanners skip the waived findings: trivy image --vex FILE, grype --vex FILE.
    Export one environment, since a scanner does not know the environment.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_waivers, environment, openvex, trace, manifest)
    deliver("json" if openvex else output, ask, partial(_failure, trace))


def _waivers(environment: str | None, openvex: bool, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.waivers(environment, openvex=openvex)
    with open_engine(manifest.load(os.environ), needs=()) as engine:
        rows = engine.status(environment)
        response = WaiversResponse.of(rows, engine.reference, engine.now(), trace)
    return rendering.render(response, openvex=openvex)


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("No waivers", WaiversResponse.failed(error, trace), error, trace)
