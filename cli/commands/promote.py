"""The command `floe platform promote`."""

import os
from dataclasses import replace
from functools import partial
from typing import Any

import click

from cli import completions, options
from cli.errors import AnsweringCommand, Words
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.promotion import NOT_DONE, render_dry_run
from engine.bootstrap import ACTING, local_operator, open_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError, UsageError
from engine.domain.overrides import Overrides
from engine.domain.parsing import parse_incident, parse_promotion_request
from engine.domain.plan import GateMode
from engine.domain.trace import trace_id
from engine.responses.promotion import PromotionInput, PromotionResponse


def _unasked(words: Words, trace: str) -> dict[str, Any]:
    typed = PromotionInput("", words.get("source"), "", bool(words.get("dry_run")), trace)
    document = PromotionResponse.failed(typed, UsageError("")).document()
    return document | {"version": words.get("version"), "target_environment": words.get("target")}


@click.command(cls=AnsweringCommand, unasked=_unasked)
@click.argument("version", shell_complete=completions.versions)
@options.words(target="TO")
@click.option(
    "--from",
    "source",
    help="The source environment; by default the one before --to.",
    shell_complete=completions.environments,
)
@click.option(
    "--to",
    "target",
    required=True,
    help="The target environment.",
    shell_complete=completions.environments,
)
@click.option("--allow-older", is_flag=True, help="Accept a version older than the running one.")
@click.option(
    "--override-rollback",
    is_flag=True,
    help="Accept a version that its source was rolled back from.",
)
@options.break_glass
@options.incident
@click.option("--reason", default="", help="The recorded reason for the options above.")
@click.option("--at", help="Carry it out at this time, like 2026-12-01T09:00[Europe/Berlin].")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--run-gates", is_flag=True, help="With --dry-run: run the command gates too.")
@options.wait
@options.manifest
@options.output
def promote(
    version: str,
    source: str | None,
    target: str,
    allow_older: bool,
    override_rollback: bool,
    break_glass: bool,
    incident: str,
    reason: str,
    at: str | None,
    dry_run: bool,
    run_gates: bool,
    wait: int,
    manifest: ProductChoice,
    output: str,
) -> None:
    """Promote VERSION: give its digest the tags of the next environment."""
    if run_gates and not dry_run:
        raise click.UsageError(
            "--run-gates needs --dry-run: a real run always runs its gates.",
            click.get_current_context(),
        )
    trace, overrides = (
        trace_id(os.environ.get("TRACEPARENT")),
        Overrides(allow_older, override_rollback, reason, incident),
    )
    typed = PromotionInput(version, source, target, dry_run, trace, overrides, at)
    mode = GateMode.RUN if run_gates else GateMode.LIST
    ask = partial(_asked, typed, break_glass, manifest, mode, wait)
    deliver(output, ask, partial(_failure, typed))


def _asked(
    typed: PromotionInput, break_glass: bool, manifest: ProductChoice, mode: GateMode, wait: int
) -> Answer:
    incident = parse_incident(break_glass, typed.overrides.incident)
    typed = replace(typed, overrides=replace(typed.overrides, incident=incident))
    with through_server(typed.trace_id, manifest) as server:
        if server:
            return server.promote(typed, mode is GateMode.RUN, wait)
    if typed.at is not None:
        raise UsageError("--at needs a server that waits for the time: set FLOE_SERVER to it")
    return _promote(typed, manifest, mode, wait)


def _promote(typed: PromotionInput, manifest: ProductChoice, mode: GateMode, wait: int) -> Answer:
    progress = TerminalProgress()
    config = manifest.load(os.environ)
    with open_engine(config, needs=() if typed.dry_run else ACTING) as engine:
        operator = local_operator(config, engine)
        request = parse_promotion_request(
            engine.path,
            typed.version,
            typed.source,
            typed.target,
            operator,
            typed.trace_id,
            typed.overrides,
        )
        typed = replace(typed, version=str(request.version), source=request.source)
        if typed.dry_run:
            plan = engine.plan(request, progress, mode)
            return render_dry_run(PromotionResponse.of_dry_run(typed, plan))
        # A dry run needs no changes, and does not wait until they are loaded.
        from cli.render.change import render_promotion
        from engine.bootstrap import carry_out
        from engine.responses.change import ChangeResponse

        change = carry_out(config, engine, request, "cli", progress, wait, progress.waiting)
    return render_promotion(typed, ChangeResponse.of(change))


def _failure(typed: PromotionInput, error: PromotionError) -> Answer:
    response = PromotionResponse.failed(typed, error)
    return failure(NOT_DONE, response, error, typed.trace_id)
