"""The command `floe platform audit repair`."""

import os
from functools import partial

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.render.common import failure, record_lines, trace_line
from engine.bootstrap import open_command_engine, open_reading_engine
from engine.bootstrap.ledger_repair import find_removed, put_back
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.repair import RepairResponse


@click.command()
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment of the ledger.",
    shell_complete=completions.environments,
)
@click.option("--dry-run", is_flag=True, help="Print the tags, and change nothing.")
@options.output
@options.manifest
def repair(environment: str, dry_run: bool, output: str, manifest: ProductChoice) -> None:
    """
    Put back tags of a ledger that were removed, for example by a retention rule.

    Only entries that the chain proves get their tags again, and so do their policies. A record
    names the operator and the tags. A tag with other content stays, and is reported with exit
    code 1.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))

    def failed(error: PromotionError) -> Answer:
        response = RepairResponse.build(
            dry_run=dry_run, environment=environment, trace_id=trace, error=ErrorInfo.of(error)
        )
        return failure("Not repaired", response, error, trace)

    ask = _find if dry_run else _put_back
    deliver(output, partial(ask, environment, trace, manifest), failed)


def _find(environment: str, trace: str, manifest: ProductChoice) -> Answer:
    with open_reading_engine(manifest) as engine:
        found = find_removed(engine, environment, TerminalProgress())
    return _render(RepairResponse.of(found, trace, dry_run=True))


def _put_back(environment: str, trace: str, manifest: ProductChoice) -> Answer:
    with open_command_engine(manifest) as (engine, operator):
        found = put_back(engine, environment, operator, trace, TerminalProgress())
    return _render(RepairResponse.of(found, trace, dry_run=False))


def _render(response: RepairResponse) -> Answer:
    verb = "Would put back" if response.dry_run else "Put back"
    lines = [f"{verb}: {printable(tag)}" for tag in response.tags]
    lines += [f"PROBLEM {printable(problem)}" for problem in response.problems]
    if not lines:
        lines = [f"Unchanged: no tag of the ledger of {response.environment} is missing"]
    if response.repair_id:
        lines += record_lines(response.repair_id, response.anchor)
    exit_code = 1 if response.problems else 0
    return Answer(response, [*lines, trace_line(response.trace_id)], exit_code)
