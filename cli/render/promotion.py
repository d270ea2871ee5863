"""A promotion's end, as JSON and as the lines people and scripts look for."""

from cli.errors import failure_lines
from cli.output import Answer
from cli.render.common import (
    approvals_lines,
    blocked_lines,
    findings_lines,
    operator_line,
    refused_lines,
    registry_lines,
    scan_lines,
    signature_line,
    tags_lines,
    trace_line,
)
from cli.render.impact import impact_lines
from cli.render.told import ToldPromotion
from engine.domain.errors import PromotionError
from engine.domain.gate import GateResult, GateStatus
from engine.domain.plan import Plan
from engine.domain.result import Ending, Result
from engine.domain.text import printable
from engine.responses.common import Document, error_document
from engine.responses.promotion import Asked, blank, dry_run_document, promoted_document

_NOT_DONE = "Not promoted"


def failure(asked: Asked, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: Asked, result: Result) -> Answer:
    """A real run."""
    verified = result.record.identity_verified if result.record else False
    return told_run(promoted_document(asked, result), verified=verified)


def rendered_dry_run(asked: Asked, plan: Plan) -> Answer:
    return told_dry_run(dry_run_document(asked, plan))


def told_run(document: Document, *, verified: bool) -> Answer:
    """What `document` says of a real run; `verified` is whether its operator was."""
    told = ToldPromotion.model_validate(document)
    if told.error:
        about = [*scan_lines(told.gate_results), *_outputs(told)]
        lines = [*refused_lines(_NOT_DONE, told), *about, trace_line(told.trace_id)]
        return Answer(document, lines, told.exit_code, failed=True, warnings=told.warnings)
    done = _done(told, verified=verified)
    return Answer(document, [*done, trace_line(told.trace_id)], warnings=told.warnings)


def told_dry_run(document: Document) -> Answer:
    told = ToldPromotion.model_validate(document)
    settled = told.outcome is Ending.UNCHANGED
    lines = [
        f"[DRY RUN] {_unchanged(told.step) if settled else f'Would promote {told.step}'}",
        *findings_lines(told),
        *tags_lines(told),
        *(impact_lines(told.impact_analysis) if told.impact_analysis else ()),
        *approvals_lines(told),
        *blocked_lines(told),
        *(() if told.error else ("Promotion would succeed",)),
        trace_line(told.trace_id),
    ]
    return Answer(document, lines, told.exit_code, warnings=told.warnings)


def _done(told: ToldPromotion, *, verified: bool) -> list[str]:
    if told.outcome is Ending.UNCHANGED or told.promotion_id is None:
        return [_unchanged(told.step)]
    return [
        f"Promoted {told.step}",
        f"  New tag: {printable(told.artifact_tag or '')}",
        f"  Latest tag updated: latest-{told.target_environment}",
        f"  Digest: {told.artifact_digest}",
        f"  Gates passed: {_passed(told.gate_results)}",
        *scan_lines(told.gate_results),
        signature_line(told.signature),
        operator_line(told.operator or "", verified=verified),
        *registry_lines(told.registry_sync),
        f"  Record: {told.promotion_id}",
    ]


def _outputs(told: ToldPromotion) -> list[str]:
    """The commands that show what failed gates printed."""
    kept = told.change_id or told.trace_id
    return [
        f"  Output of {gate.gate.value}: floe platform changes show {kept} "
        f"--output-of {gate.gate.value}"
        for gate in told.gate_results
        if gate.status is GateStatus.FAILED and "output_sha256" in gate.details
    ]


def _unchanged(step: str) -> str:
    return f"Unchanged: {step} was promoted already"


def _passed(gates: tuple[GateResult, ...]) -> str:
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(passed)}/{len(gates)}"
