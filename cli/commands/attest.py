"""The command `floe platform attest`."""

import os
from functools import partial
from importlib import import_module

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.render.statements import render_statements
from engine.bootstrap import open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.statements import StatementsResponse


@click.command()
@click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)
@options.output
@options.manifest
def attest(environment: str | None, output: str, manifest: ProductChoice) -> None:
    """
    Sign which versions may run in each environment, and attach that to their artifacts.

    Needs ledger.signing.current. A server does this by itself; elsewhere, run it once a day.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_attest, environment, trace, manifest), partial(_failure, trace))


def _attest(environment: str | None, trace: str, manifest: ProductChoice) -> Answer:
    with open_reading_engine(manifest, "ledger.signing") as engine:
        # Imported only here: cryptography is slow to import.
        issued = import_module("engine.bootstrap.statements").attest(engine, environment)
    stated = [each.statement for each in issued if each.statement]
    warnings = [text for each in issued for text in each.warnings]
    return render_statements(StatementsResponse.of(stated, warnings, trace))


def _failure(trace: str, error: PromotionError) -> Answer:
    response = StatementsResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not stated", response, error, trace)
