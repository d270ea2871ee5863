"""The command `floe platform rollback`."""

import os
from dataclasses import replace
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.change import render_rollback
from cli.render.common import failure
from cli.render.rollback import NOT_DONE, render_dry_run
from engine.bootstrap import ACTING, carry_out, local_operator, open_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.parsing import parse_incident, parse_rollback_request
from engine.domain.plan import GateMode
from engine.domain.trace import trace_id
from engine.responses.change import ChangeResponse
from engine.responses.rollback import RollbackInput, RollbackResponse


@click.command()
@click.argument("version", shell_complete=completions.versions)
@options.words(environment="ENV", reason="REASON")
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment to roll back.",
    shell_complete=completions.environments,
)
@options.reason("The recorded reason. Not needed with --dry-run.")
@click.option(
    "--no-quarantine",
    is_flag=True,
    help="Let the version that is left be promoted again without a release.",
)
@click.option("--dry-run", is_flag=True, help="Show the impact and change nothing.")
@options.break_glass
@options.incident
@options.wait
@options.manifest
@options.output
def rollback(
    version: str,
    environment: str,
    reason: str,
    no_quarantine: bool,
    dry_run: bool,
    break_glass: bool,
    incident: str,
    wait: int,
    manifest: ProductChoice,
    output: str,
) -> None:
    """Roll an environment back to VERSION, which was promoted there before."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    held = not no_quarantine
    typed = RollbackInput(version, environment, reason, dry_run, trace, incident, held)
    deliver(output, partial(_asked, typed, break_glass, manifest, wait), partial(_failure, typed))


def _asked(typed: RollbackInput, break_glass: bool, manifest: ProductChoice, wait: int) -> Answer:
    typed = replace(typed, incident=parse_incident(break_glass, typed.incident))
    with through_server(typed.trace_id, manifest) as server:
        if server:
            return server.roll_back(typed, wait)
    return _rollback(typed, manifest, wait)


def _rollback(typed: RollbackInput, manifest: ProductChoice, wait: int) -> Answer:
    progress = TerminalProgress()
    config = manifest.load(os.environ)
    with open_engine(config, needs=() if typed.dry_run else ACTING) as engine:
        operator = local_operator(config, engine)
        request = parse_rollback_request(
            engine.path,
            typed.version,
            typed.environment,
            operator,
            typed.trace_id,
            typed.stated_reason,
            typed.incident,
            quarantine=typed.quarantine,
        )
        typed = replace(typed, version=str(request.version), reason=request.reason)
        if typed.dry_run:
            plan = engine.plan(request, progress, GateMode.LIST)
            return render_dry_run(RollbackResponse.of_dry_run(typed, plan))
        change = carry_out(config, engine, request, "cli", progress, wait, progress.waiting)
    return render_rollback(typed, ChangeResponse.of(change))


def _failure(typed: RollbackInput, error: PromotionError) -> Answer:
    response = RollbackResponse.failed(typed, error)
    return failure(NOT_DONE, response, error, typed.trace_id)
