"""Which signatures an artifact has, as JSON and as lines."""

from cli.output import Answer
from cli.render.told import DigestValue, Told, ToldError
from engine.domain.signature import SignatureVerdict
from engine.domain.text import printable
from engine.responses.common import Document


class _ToldSignature(Told):
    artifact_tag: str
    artifact_digest: DigestValue
    signature: SignatureVerdict
    trace_id: str
    error: ToldError | None


def _unlooked(verdict: SignatureVerdict) -> str:
    """Why no signature is shown."""
    if verdict.verified:
        return "verified before by the same rules, and not looked at again"
    return "no signature is attached"


def told(document: Document) -> Answer:
    said = _ToldSignature.model_validate(document)
    verdict = said.signature
    looked = [f"  {examined.place}: {examined.refused or 'good'}" for examined in verdict.examined]
    lines = [
        f"{printable(said.artifact_tag)} is {said.artifact_digest}",
        *(looked or [f"  {_unlooked(verdict)}"]),
        *(f"  note: {printable(note)}" for note in verdict.notes),
        verdict.summary,
        f"Trace ID: {said.trace_id}",
    ]
    return Answer(document, lines, said.error.exit_code if said.error else 0)
