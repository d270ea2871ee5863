"""The command `floe platform retention`."""

import json
import os
from functools import partial

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.stdio import remark
from engine.api import Engine
from engine.bootstrap import changes_in_flight, open_engine
from engine.bootstrap.retention import read_retention
from engine.config import Config, ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.retention import Retained, Retention, cleanup_rules
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.retention import RetentionResponse


@click.command()
@click.option(
    "--keep",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="The number of newest builds to keep, and of earlier versions to list per environment.",
)
@click.option(
    "--format",
    "system",
    type=click.Choice(["harbor", "ecr", "artifactory"]),
    help="Print rules for this system.",
)
@options.output
@options.manifest
def retention(keep: int, system: str | None, output: str, manifest: ProductChoice) -> None:
    """
    List the tags that a cleanup of the registry must keep.

    Only builds to which no record refers, and for which no change waits, are not among them.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_retention, keep, system, trace, manifest)
    deliver(output, ask, partial(_failure, trace))


def _retention(keep: int, system: str | None, trace: str, manifest: ProductChoice) -> Answer:
    config = manifest.load(os.environ)
    with open_engine(config) as engine:
        kept = read_retention(engine, keep, _waiting(config, engine))
        rules = cleanup_rules(kept, engine.reference, system)
    response = RetentionResponse.of(kept, rules, trace)
    lines = json.dumps(rules, indent=2).splitlines() if system else _lines(kept)
    return Answer(response, [printable(line) for line in lines])


def _waiting(config: Config, engine: Engine) -> set[str]:
    """The versions of open changes; StoreUnavailableError if their store cannot be read."""
    versions = {change.version for change in changes_in_flight(config, engine)}
    if not versions:
        remark(
            "No open change is stored here. If a server with another state works on this "
            "repository, run this command there: builds of its open changes must be kept too"
        )
    return versions


def _lines(kept: Retention) -> list[str]:
    return [*map(_line, kept.environments), "Keep these tags:", *(f"  {tag}" for tag in kept.tags)]


def _line(row: Retained) -> str:
    if not row.versions:
        return f"{row.environment}: nothing was promoted"
    running, *earlier = (each.version for each in row.versions)
    back = f"; a rollback is possible to {', '.join(earlier)}" if earlier else ""
    return f"{row.environment}: {running} runs{back}"


def _failure(trace: str, error: PromotionError) -> Answer:
    response = RetentionResponse.build(patterns=(), trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not listed", response, error, trace)
