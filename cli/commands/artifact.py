"""`floe artifact`."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli import options
from cli.answer import Answer, deliver
from cli.failure import error_document
from engine.bootstrap import open_reading
from engine.domain.artifact import Tag
from engine.domain.errors import PromotionError, SignatureVerificationError
from engine.domain.manifest import Manifest
from engine.domain.parsing import parse_version
from engine.domain.signature import SignatureVerdict
from engine.domain.text import printable
from engine.domain.trace import trace_id


@click.command()
@click.argument("version")
@click.option("--env", "environment", help="As this environment has it.")
@options.manifest
@options.output
def verify(version: str, environment: str | None, manifest: Path, output: str) -> None:
    """
    Show which signatures VERSION has, and why each counts or does not.

    Exit code 0 when a good one is among them, else 6.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_verify, version, environment, trace, manifest)
    deliver(output, ask, partial(_failure, trace))


def _verify(version: str, environment: str | None, trace: str, manifest: Path) -> Answer:
    with open_reading(manifest) as engine:
        tag, artifact = engine.artifact(parse_version(version), environment)
        verdict = engine.signature(artifact)
    error = None if verdict.verified else SignatureVerificationError(verdict.summary)
    document = _document(tag, artifact, verdict) | {
        "trace_id": trace,
        "error": error_document(error) if error else None,
    }
    looked = [f"  {examined.place}: {examined.refused or 'good'}" for examined in verdict.examined]
    lines = [
        f"{tag} is {artifact.digest}",
        *(looked or ["  no signature is attached"]),
        *(f"  note: {printable(note)}" for note in verdict.notes),
        verdict.summary,
        f"Trace ID: {trace}",
    ]
    return Answer(document, lines, error.exit_code if error else 0)


def _document(tag: Tag, artifact: Manifest, verdict: SignatureVerdict) -> dict[str, Any]:
    return {
        "success": verdict.verified,
        "artifact_tag": str(tag),
        "artifact_digest": str(artifact.digest),
        "signature": {
            "mode": verdict.mode,
            "issuer": verdict.issuer,
            "subject": verdict.subject,
            "fingerprint": verdict.fingerprint,
            "problem": verdict.problem,
            "examined": [
                {"place": each.place, "refused": each.refused} for each in verdict.examined
            ],
            "notes": list(verdict.notes),
        },
    }


def _failure(trace: str, error: PromotionError) -> Answer:
    document = {"success": False, "trace_id": trace, "error": error_document(error)}
    lines = [f"Not verified: {printable(str(error))}", f"Trace ID: {trace}"]
    return Answer(document, lines, error.exit_code, failed=True)
