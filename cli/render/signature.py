"""Render the answers about an artifact."""

from cli.output import Answer
from cli.render.common import exit_code, trace_line
from engine.domain.signature import SignatureVerdict
from engine.domain.text import printable
from engine.responses.signature import PullResponse, SignatureResponse


def render(response: SignatureResponse) -> Answer:
    verdict = response.signature.verdict()
    examined = [f"  {each.place}: {each.refused or 'good'}" for each in verdict.examined]
    lines = [
        f"{printable(response.artifact_tag)} is {response.artifact_digest}",
        *(examined or [f"  {_without_signatures(verdict)}"]),
        *(f"  note: {printable(note)}" for note in verdict.notes),
        verdict.summary,
        trace_line(response.trace_id),
    ]
    return Answer(response, lines, exit_code(response.error))


def render_pull(response: PullResponse, *, verified: bool) -> Answer:
    """`verified` is False when the signature is not good, and the manifest only warns of that."""
    tag, digest = response.artifact_tag, response.artifact_digest
    signed = response.signature or "Signatures are not verified: none are asked for"
    lines = [f"Pulled {tag} ({digest}) into {response.directory}", f"  {signed}"]
    lines += [f"  Left out, distributed elsewhere: {printable(path)}" for path in response.left_out]
    warnings = (signed,) if not verified else ()
    return Answer(response, [*lines, trace_line(response.trace_id)], warnings=warnings)


def _without_signatures(verdict: SignatureVerdict) -> str:
    if verdict.verified:
        return "verified before by the same rules, and not looked at again"
    return "no signature is attached"
