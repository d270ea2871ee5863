"""The command `floe platform audit repair`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.render.common import failure
from engine.bootstrap import open_reading_engine
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo, ErrorResponse


@click.command()
@click.option("--env", "environment", required=True, help="The environment of the ledger.")
@click.option("--dry-run", is_flag=True, help="Print the tags, and change nothing.")
@options.manifest
def repair(environment: str, dry_run: bool, manifest: Path) -> None:
    """
    Put back tags of a ledger that were removed, for example by a retention rule.

    Only entries that the chain proves get their tags again. A tag with other content stays, and is
    reported with exit code 1.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))

    def failed(error: PromotionError) -> Answer:
        response = ErrorResponse.build(trace_id=trace, error=ErrorInfo.of(error))
        return failure("Not repaired", response, error, trace)

    deliver("table", partial(_repair, environment, dry_run, manifest), failed)


def _repair(environment: str, dry_run: bool, manifest: Path) -> Answer:
    with open_reading_engine(manifest) as engine:
        found = engine.repair(environment, dry_run, TerminalProgress())
    verb = "Would put back" if dry_run else "Put back"
    lines = [f"{verb}: {tag}" for tag in found.restored]
    lines += [f"PROBLEM {problem}" for problem in found.problems]
    whole = f"Unchanged: no tag of the ledger of {environment} is missing"
    return Answer(None, lines or [whole], exit_code=1 if found.problems else 0)
