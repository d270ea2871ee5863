"""A promotion's end, as JSON of spec 18 and as the lines people and scripts look for."""

from cli.answer import Answer
from cli.failure import failure_lines
from cli.render.request import (
    blocked_lines,
    findings_lines,
    operator_line,
    refused_lines,
    registry_lines,
    scan_lines,
    signature_line,
    tags_lines,
    trace_line,
    warned_lines,
)
from engine.domain.documents.answers import error_document
from engine.domain.documents.promotion import Asked, blank, dry_run_document, promoted_document
from engine.domain.errors import PromotionError
from engine.domain.gate import GateResult, GateStatus
from engine.domain.plan import Effect, Plan
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_NOT_DONE = "Not promoted"


def failure(asked: Asked, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: Asked, result: Result) -> Answer:
    """A real run."""
    document = promoted_document(asked, result)
    if result.error is not None:
        scans = scan_lines(result.plan.gate_results)
        lines = [*refused_lines(_NOT_DONE, result), *scans, trace_line(asked.trace_id)]
        return Answer(document, lines, result.error.exit_code, failed=True)
    lines = [*_done(asked, result), *warned_lines(result.warnings), trace_line(asked.trace_id)]
    return Answer(document, lines)


def rendered_dry_run(asked: Asked, plan: Plan) -> Answer:
    error = plan.error
    step = f"{asked.version} from {asked.source} to {asked.target}"
    settled = plan.effect is Effect.NOTHING and not error
    lines = [
        f"[DRY RUN] {_unchanged(step) if settled else f'Would promote {step}'}",
        *findings_lines(plan),
        *tags_lines(plan),
        *blocked_lines(plan),
        *(() if error else ("Promotion would succeed",)),
        trace_line(asked.trace_id),
    ]
    return Answer(dry_run_document(asked, plan), lines, error.exit_code if error else 0)


def _done(asked: Asked, result: Result) -> list[str]:
    record = result.record
    step = f"{asked.version} from {asked.source} to {asked.target}"
    if result.outcome is Ending.UNCHANGED or not isinstance(record, PromotionRecord):
        return [_unchanged(step)]
    return [
        f"Promoted {step}",
        f"  New tag: {printable(record.artifact_tag)}",
        f"  Latest tag updated: latest-{asked.target}",
        f"  Digest: {record.artifact_digest}",
        f"  Gates passed: {_passed(record.gate_results)}",
        *scan_lines(record.gate_results),
        signature_line(record),
        operator_line(record),
        *registry_lines(result.registry_sync),
        f"  Record: {record.promotion_id}",
    ]


def _unchanged(step: str) -> str:
    return f"Unchanged: {step} was promoted already"


def _passed(gates: tuple[GateResult, ...]) -> str:
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(passed)}/{len(gates)}"
