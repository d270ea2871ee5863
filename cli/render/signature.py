"""Render the answers about an artifact."""

from collections.abc import Iterable

from cli.output import Answer
from cli.render.common import exit_code, trace_line
from engine.domain.signature import ExaminedSignature, SignatureVerdict
from engine.domain.text import printable
from engine.responses.signature import PromotionInfo, PullResponse, SignatureResponse


def render(response: SignatureResponse, environment: str | None) -> Answer:
    lines = [
        f"{printable(response.artifact_tag)} is {response.artifact_digest}",
        *(_signature_lines(response.signature.verdict()) if response.signature else ()),
        *_promotion_lines(response.promotion, environment),
        trace_line(response.trace_id),
    ]
    return Answer(response, lines, exit_code(response.error))


def _signature_lines(verdict: SignatureVerdict) -> list[str]:
    return [
        *(_examined(verdict.examined) or [f"  {_without_signatures(verdict)}"]),
        *(f"  note: {printable(note)}" for note in verdict.notes),
        verdict.summary,
    ]


def _promotion_lines(promotion: PromotionInfo | None, environment: str | None) -> list[str]:
    if promotion is None:
        unjudged = "was not judged: no key is trusted (ledger.trusted_keys, or --key)"
        return [f"The promotion to {environment} {unjudged}"] if environment else []
    none = f"  no statement of the type {promotion.predicate_type} is attached"
    return [*(_examined(promotion.examined) or [none]), printable(promotion.summary)]


def _examined(examined: Iterable[ExaminedSignature]) -> list[str]:
    return [f"  {each.place}: {each.refused or 'good'}" for each in examined]


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
