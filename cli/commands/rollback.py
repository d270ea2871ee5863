"""The command `floe platform rollback`."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.approval import submit_and_wait
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.refusal_recording import with_refusal_record
from cli.remote.selection import through_server
from cli.render.change import rendered_rollback
from cli.render.rollback import failure, rendered, rendered_dry_run
from engine.bootstrap import ACTING, local_operator, open_engine
from engine.config import load_config
from engine.domain.parsing import parse_rollback_request
from engine.domain.plan import GateMode
from engine.domain.result import Ending
from engine.domain.trace import trace_id
from engine.responses.rollback import AskedRollback


@click.command()
@click.argument("version")
@click.option("--env", "environment", required=True, help="The environment to roll back.")
@options.reason("The recorded reason. Not needed with --dry-run.")
@click.option("--dry-run", is_flag=True, help="Show the impact and change nothing.")
@options.wait
@options.manifest
@options.output
def rollback(
    version: str,
    environment: str,
    reason: str,
    dry_run: bool,
    wait: int,
    manifest: Path,
    output: str,
) -> None:
    """Roll an environment back to VERSION, which was promoted there before."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    asked = AskedRollback(version, environment, reason, dry_run, trace)
    deliver(output, partial(_asked, asked, manifest, wait), partial(failure, asked))


def _asked(asked: AskedRollback, manifest: Path, wait: int) -> Answer:
    with through_server(asked.trace_id) as server:
        if server:
            return server.roll_back(asked, wait)
    return _rollback(asked, manifest, wait)


def _rollback(asked: AskedRollback, manifest: Path, wait: int) -> Answer:
    progress = TerminalProgress()
    config = load_config(manifest, os.environ)
    with open_engine(config, needs=() if asked.dry_run else ACTING) as engine:
        operator = local_operator(config, engine)
        request = parse_rollback_request(
            engine.path,
            asked.version,
            asked.environment,
            operator,
            asked.trace_id,
            asked.stated_reason,
        )
        asked = replace(asked, version=str(request.version), reason=request.reason)
        if asked.dry_run:
            return rendered_dry_run(asked, engine.plan(request, progress, GateMode.LIST))
        result = engine.run(request, progress)
        if result.outcome is Ending.PENDING:
            change = submit_and_wait(config, engine, request, progress, wait)
            return with_refusal_record(rendered_rollback(asked, change), manifest, change)
    return with_refusal_record(rendered(asked, result), manifest, result.plan)
