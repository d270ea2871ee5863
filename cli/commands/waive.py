"""The commands `floe platform waive` and `unwaive`."""

import os
from dataclasses import replace
from functools import partial

import click

from cli import completions, options
from cli.commands.freeze import run_freeze
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.change import render_waived
from cli.render.common import failure
from engine.api import Engine
from engine.bootstrap import ACTING, carry_out, local_operator, open_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.request import UnwaiveRequest
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_unwaive_request, parse_waive_request
from engine.responses.change import ChangeResponse
from engine.responses.common import FailureResponse
from engine.responses.freeze import FreezeInput
from engine.responses.waivers import WaiveInput

_package = click.option(
    "--package",
    help="Only in this package: a package URL, or the name that the scanner reports.",
)


@click.command()
@click.argument("vulnerability")
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment that it may enter.",
    shell_complete=completions.environments,
)
@_package
@click.option(
    "--until",
    required=True,
    metavar="DATE",
    help="End, in at most 90 days: 2026-12-24 (that day included, UTC), or with a time and zone.",
)
@options.reason("The reason, shown each time the waiver is used.")
@options.wait
@options.manifest
@options.output
def waive(
    vulnerability: str,
    environment: str,
    package: str | None,
    until: str,
    reason: str,
    wait: int,
    manifest: ProductChoice,
    output: str,
) -> None:
    """
    Let VULNERABILITY pass the security gates of one environment for some time.

    It needs the approvals of a promotion into that environment. A time is in UTC, unless an offset
    or a zone follows: 2026-12-24T18:00[Europe/Berlin].
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = WaiveInput(environment, vulnerability, package, until, reason)
    deliver(output, partial(_asked, typed, trace, manifest, wait), partial(_failure, trace))


@click.command()
@click.argument("vulnerability")
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment of the waiver.",
    shell_complete=completions.environments,
)
@_package
@options.reason("The recorded reason.")
@options.manifest
@options.output
def unwaive(
    vulnerability: str,
    environment: str,
    package: str | None,
    reason: str,
    manifest: ProductChoice,
    output: str,
) -> None:
    """End the waiver of VULNERABILITY in one environment early."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = replace(
        FreezeInput("unwaive", environment, reason, trace),
        vulnerability=vulnerability,
        package=package,
    )

    def ask(engine: Engine, operator: Operator) -> UnwaiveRequest:
        return parse_unwaive_request(
            engine.path, environment, operator, trace, vulnerability, package, reason
        )

    run_freeze(output, typed, None, manifest, ask)


def _asked(typed: WaiveInput, trace: str, manifest: ProductChoice, wait: int) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return server.waive(typed, wait)
    progress = TerminalProgress()
    config = manifest.load(os.environ)
    with open_engine(config, needs=ACTING) as engine:
        request = parse_waive_request(
            engine.path,
            typed.environment,
            local_operator(config, engine),
            trace,
            typed.vulnerability,
            typed.package,
            typed.until,
            typed.reason,
        )
        change = carry_out(config, engine, request, "cli", progress, wait, progress.waiting)
    return render_waived(ChangeResponse.of(change))


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not waived", FailureResponse.of(error, trace), error, trace)
