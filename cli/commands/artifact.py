"""The commands `floe artifact verify` and `floe artifact pull`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.signature import render, render_pull
from engine.bootstrap import open_reading_engine
from engine.bootstrap.keys import show_key
from engine.config import ProductChoice
from engine.domain.errors import PromotionError, UsageError
from engine.domain.parsing import parse_version
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.signature import PullResponse, SignatureResponse


@click.command()
@click.argument("version", shell_complete=completions.versions)
@click.option(
    "--env",
    "environment",
    help="Take the version from this environment, and judge its promotion there.",
    shell_complete=completions.environments,
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="With --env: judge the promotion by this public key (PEM) instead of ledger.trusted_keys.",
)
@options.manifest
@options.output
def verify(
    version: str, environment: str | None, key: Path | None, manifest: ProductChoice, output: str
) -> None:
    """
    Show the signatures of VERSION, and why each counts or does not.

    With --env and trusted keys, also judge the attestation of its promotion, and whether the ledger
    still contains it.

    Exit code 0 if all of that is good, 6 without a good signature or attestation, 11 if VERSION was
    never promoted to the environment, or was rolled back there since.
    """
    if key and environment is None:
        raise click.UsageError("--key needs --env ENV")
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_verify, version, environment, key, trace, manifest)
    deliver(output, ask, partial(_failure, "Not verified", trace))


@click.command()
@click.argument("version", shell_complete=completions.versions)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="A new or empty directory.",
)
@click.option(
    "--env",
    "environment",
    help="Take the version from this environment.",
    shell_complete=completions.environments,
)
@options.manifest
@options.output
def pull(
    version: str, target: Path, environment: str | None, manifest: ProductChoice, output: str
) -> None:
    """
    Verify VERSION, then write its layers into a directory, named by their titles.

    Nothing is written without the signature that the manifest requires, or if a digest is wrong.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_pull, version, target, environment, trace, manifest)
    deliver(output, ask, partial(_failure, "Not pulled", trace))


def _pull(
    version: str, target: Path, environment: str | None, trace: str, manifest: ProductChoice
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


def _verify(
    version: str, environment: str | None, key: Path | None, trace: str, manifest: ProductChoice
) -> Answer:
    with through_server(trace, manifest) as server:
        if server and key:
            raise UsageError("--key is judged here: unset FLOE_SERVER, or leave out --key")
        if server:
            return server.signature(version, environment)
    pem = show_key(key).pem.encode() if key else None
    with open_reading_engine(manifest) as engine:
        tag, artifact = engine.artifact(parse_version(version), environment)
        verdict, proof = engine.examine(artifact, environment, pem)
    response = SignatureResponse.of(tag, artifact.digest, verdict, proof, trace)
    return render(response, environment)


def _failure(not_done: str, trace: str, error: PromotionError) -> Answer:
    return failure(not_done, ErrorResponse.of(error, trace), error, trace)
