"""The command `floe init`."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from cli import options
from cli.commands import doctor
from cli.init.answers import HELM, SYSTEMD, Answers
from cli.init.companions import helm_values, slack_app, systemd_unit
from cli.init.manifest_text import manifest_text
from cli.init.new_files import clear_unfinished, new_files, refuse_existing
from cli.init.next_steps import next_steps
from cli.init.questions import QUESTIONS, interview
from cli.output import Answer, InterruptedRunError, deliver
from cli.render.common import failure
from cli.render.init import render
from engine.bootstrap.adapters import policies_of
from engine.bootstrap.keys import generate_key
from engine.config import ProductChoice, load_installation
from engine.domain.errors import ConfigError, PromotionError, UsageError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.init import InitResponse

F = TypeVar("F", bound=Callable[..., Any])
_KEY, _MANIFEST = "floe.key", "manifest.yaml"
_DEPLOYED = {SYSTEMD: "floe.service", HELM: "values.yaml"}


def _questions(command: F) -> F:
    for question in reversed(QUESTIONS):
        option = click.option(question.flag, question.name, type=question.kind, help=question.help)
        command = option(command)
    return command


@click.command()
@_questions
@click.option(
    "--deploy",
    type=click.Choice([SYSTEMD, HELM]),
    help="Also write a unit of systemd, or values for the Helm chart.",
)
@options.output
def init(output: str, **given: Any) -> None:
    """
    Write manifest.yaml, a signing key, and the manifest of a Slack app.

    A terminal asks for each option that is left out; Enter takes the answer in brackets. Elsewhere,
    that answer is taken, and a required one that is missing is an error. Existing files stay as
    they are, and then nothing is written. Secrets are read from environment variables only.

    The last step tries the settings, as floe doctor does, except for a cluster. Exit code 0 if no
    try failed, else that of the first failure; the files stay.
    """
    trace, folder = trace_id(os.environ.get("TRACEPARENT")), Path.cwd()
    # Asking takes a minute: refuse before it.
    known = _file_names(given["deploy"], with_slack=given["slack"] != "none")
    try:
        clear_unfinished(folder, known)
        refuse_existing(folder, known)
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    answers = Answers.of(interview(given))
    deliver(output, partial(_write, answers, folder, trace), partial(_failed, trace))


def _write(answers: Answers, folder: Path, trace: str) -> Answer:
    names = _file_names(answers.deploy, with_slack=answers.has_slack)
    with new_files(folder, names) as draft:
        public = generate_key("ecdsa", draft / _KEY).pem
        for name, text in _texts(answers, folder, public).items():
            (draft / name).write_text(text, encoding="utf-8")
        _check(draft)
    steps = next_steps(answers)
    # The secrets and the database of a cluster are not here.
    examined = None if answers.deploy == HELM else _examined(folder, trace)
    error = examined.document.error if examined else None
    response = InitResponse.build(
        success=error is None,
        files=names,
        variables=answers.variables,
        diagnoses=examined.document.diagnoses if examined else (),
        commands=steps.commands,
        trace_id=trace,
        error=error,
    )
    # The trace id ends the whole answer.
    return render(response, steps, examined.lines[:-1] if examined else ())


def _examined(folder: Path, trace: str) -> Answer:
    """Try the new settings; the files are complete, also if a try fails."""
    try:
        found = doctor.examine(ProductChoice(folder / _MANIFEST))
        return doctor.answer(found, trace, written=False)
    except KeyboardInterrupt:
        return doctor.failed(False, trace, InterruptedRunError("Interrupted. Go on: floe doctor"))
    except PromotionError as error:
        return doctor.failed(False, trace, error)


def _file_names(deploy: str | None, *, with_slack: bool) -> Sequence[str]:
    """The files, of which the manifest comes last: without it, the others have no effect."""
    slack = ("slack-app.yaml",) if with_slack else ()
    deployed = (_DEPLOYED[deploy],) if deploy else ()
    return (_KEY, f"{_KEY}.pub", *slack, *deployed, _MANIFEST)


def _texts(answers: Answers, folder: Path, public_key: str) -> dict[str, str]:
    manifest = manifest_text(answers, public_key)
    texts = {_MANIFEST: manifest}
    if answers.has_slack:
        texts["slack-app.yaml"] = slack_app(answers)
    if answers.deploy == SYSTEMD:
        texts[_DEPLOYED[SYSTEMD]] = systemd_unit(answers, folder)
    if answers.deploy == HELM:
        texts[_DEPLOYED[HELM]] = helm_values(answers, manifest)
    return texts


def _check(draft: Path) -> None:
    """Refuse a manifest that `floe manifest check` would refuse."""
    try:
        load_installation(draft / _MANIFEST, os.environ, policies_of)
    except ConfigError as error:
        raise UsageError(str(error).replace(f"{draft}/", "")) from error


def _failed(trace: str, error: PromotionError) -> Answer:
    response = InitResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Nothing was written", response, error, trace)
