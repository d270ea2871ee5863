"""The commands `floe artifact verify` and `floe artifact pull`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.signature import render, render_pull
from engine.bootstrap import open_reading_engine
from engine.domain.errors import PromotionError
from engine.domain.parsing import parse_version
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.signature import PullResponse, SignatureResponse


@click.command()
@click.argument("version")
@click.option("--env", "environment", help="Take the version from this environment.")
@options.manifest
@options.output
def verify(version: str, environment: str | None, manifest: Path, output: str) -> None:
    """
    Show the signatures of VERSION, and why each counts or does not.

    Exit code 0 with at least one good signature, else 6.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_verify, version, environment, trace, manifest)
    deliver(output, ask, partial(_failure, "Not verified", trace))


@click.command()
@click.argument("version")
@click.option(
    "-o",
    "--to",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="A new or empty directory.",
)
@click.option("--env", "environment", help="Take the version from this environment.")
@options.manifest
@options.output
def pull(version: str, target: Path, environment: str | None, manifest: Path, output: str) -> None:
    """
    Verify VERSION, then write its layers into a directory, named by their titles.

    Nothing is written without the signature that the manifest requires, or if a digest is wrong.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_pull, version, target, environment, trace, manifest)
    deliver(output, ask, partial(_failure, "Not pulled", trace))


def _pull(
    version: str, target: Path, environment: str | None, trace: str, manifest: Path
) -> Answer:
    with open_reading_engine(manifest) as engine:
        tag, artifact = engine.artifact(parse_version(version), environment)
        verdict = engine.required_signature(artifact, environment)
        left_out = engine.pull(artifact, target, TerminalProgress())
    response = PullResponse.build(
        success=True,
        artifact_tag=str(tag),
        artifact_digest=str(artifact.digest),
        directory=str(target),
        left_out=left_out,
        signature=verdict.summary if verdict else None,
        trace_id=trace,
    )
    return render_pull(response, verified=verdict is None or verdict.verified)


def _verify(version: str, environment: str | None, trace: str, manifest: Path) -> Answer:
    with through_server(trace) as server:
        if server:
            return server.signature(version, environment)
    with open_reading_engine(manifest) as engine:
        tag, artifact = engine.artifact(parse_version(version), environment)
        verdict = engine.signature(artifact)
    return render(SignatureResponse.of(tag, artifact.digest, verdict, trace))


def _failure(not_done: str, trace: str, error: PromotionError) -> Answer:
    return failure(not_done, ErrorResponse.of(error, trace), error, trace)
