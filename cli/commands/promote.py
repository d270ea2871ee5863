"""`floe platform promote`."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.answer import Answer, deliver
from cli.progress import TerminalProgress
from cli.refusals import recorded
from cli.render.promotion import Asked, failure, rendered, rendered_dry_run
from engine.bootstrap import open_engine
from engine.domain.parsing import promotion_request
from engine.domain.plan import GateMode
from engine.domain.trace import trace_id


@click.command()
@click.argument("version")
@click.option("--from", "source", help="Where it comes from; by default the environment before.")
@click.option("--to", "target", required=True, help="The environment to promote it to.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--run-gates", is_flag=True, help="With --dry-run: run the command gates too.")
@options.manifest
@options.output
def promote(
    version: str,
    source: str | None,
    target: str,
    dry_run: bool,
    run_gates: bool,
    manifest: Path,
    output: str,
) -> None:
    """Bring VERSION one environment further: the same digest, under that environment's tags."""
    if run_gates and not dry_run:
        raise click.UsageError("--run-gates goes with --dry-run: without it gates always run.")
    asked = Asked(version, source, target, dry_run, trace_id(os.environ.get("TRACEPARENT")))
    ask = partial(_promote, asked, manifest, GateMode.RUN if run_gates else GateMode.LIST)
    deliver(output, ask, partial(failure, asked))


def _promote(asked: Asked, manifest: Path, mode: GateMode) -> Answer:
    progress = TerminalProgress()
    with open_engine(manifest) as (engine, operator):
        request = promotion_request(
            engine.path, asked.version, asked.source, asked.target, operator, asked.trace_id
        )
        asked = replace(asked, version=str(request.version), source=request.source)
        if asked.dry_run:
            return rendered_dry_run(asked, engine.plan(request, progress, mode))
        result = engine.run(request, progress)
    return recorded(rendered(asked, result), manifest, result.plan)
