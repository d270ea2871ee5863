"""The command `floe doctor`."""

import os
from collections.abc import Sequence
from functools import partial

import click

from bot.database import MIGRATIONS
from bot.doctor import slack_system
from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.render.doctor import render
from cli.stdio import clear_passing, remark, show_passing
from engine.bootstrap.adapters import refuse_beside_a_server
from engine.config import ProductChoice
from engine.doctor.diagnosis import Diagnosis, Verdict
from engine.doctor.examination import examine as examine_systems
from engine.doctor.systems import systems_of
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.doctor import DiagnosisInfo, DoctorResponse


@click.command()
@click.option(
    "--write",
    is_flag=True,
    help="Also try to write: throw-away tags and manifests in the registries, and a scheduled "
    "message in Slack. They are removed.",
)
@options.output
@options.manifest
def doctor(write: bool, output: str, manifest: ProductChoice) -> None:
    """
    Try the settings of a manifest on the real systems.

    Each row is one try, and a failure has the sentence that mends it. Without --write, nothing is
    written. Exit code 0 if no try failed, else that of the first failure.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_doctor, manifest, write, trace), partial(failed, write, trace))


def examine(manifest: ProductChoice, *, write: bool = False) -> tuple[Diagnosis, ...]:
    """
    Try all systems of `manifest`, with progress on stderr after a second.

    Other commands call this at their end, with `answer` for its lines. Raises ConfigError if the
    manifest cannot be used, and UsageError if it has several products and none is chosen.
    """
    refuse_beside_a_server()
    config = manifest.load(os.environ)
    systems = systems_of(config, os.environ, {"bot": MIGRATIONS}, write=write)
    try:
        slack = slack_system(config, os.environ, write=write)
        return examine_systems((*systems, slack), _show_missing)
    finally:
        clear_passing()


def answer(diagnoses: Sequence[Diagnosis], trace: str, *, written: bool) -> Answer:
    """Render `diagnoses`; the first failure decides the exit code."""
    failed = [each for each in diagnoses if each.verdict is Verdict.FAILED]
    error = None
    if failed:
        tries = "1 try" if len(failed) == 1 else f"{len(failed)} tries"
        error = failed[0].error(
            f"{tries} of {len(diagnoses)} failed, first {failed[0].system}, {failed[0].name}: "
            f"{failed[0].found}. {failed[0].advice}"
        )
    response = DoctorResponse.build(
        success=not failed,
        written=written,
        diagnoses=[
            DiagnosisInfo(
                system=each.system,
                name=each.name,
                verdict=each.verdict.value,
                found=each.found,
                advice=each.advice,
            )
            for each in diagnoses
        ],
        trace_id=trace,
        error=ErrorInfo.of(error) if error else None,
    )
    return render(response)


def _doctor(manifest: ProductChoice, write: bool, trace: str) -> Answer:
    return answer(examine(manifest, write=write), trace, written=write)


def _show_missing(systems: Sequence[str]) -> None:
    text = f"… waiting for {printable(', '.join(systems))}"
    if not options.is_quiet() and not show_passing(text):
        remark(text)


def failed(write: bool, trace: str, error: PromotionError) -> Answer:
    """The answer of a doctor that could not begin."""
    response = DoctorResponse.build(written=write, trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not examined", response, error, trace)
