"""A promotion's end, as JSON of spec 18 and as the lines people and scripts look for."""

from dataclasses import dataclass
from typing import Any

from cli.answer import Answer
from cli.failure import error_document, failure_lines
from cli.render.request import (
    blocked_lines,
    ended,
    findings_document,
    findings_lines,
    operator_line,
    refused_lines,
    scan_lines,
    signature_line,
    tags_lines,
    trace_line,
    warned_lines,
    would_end,
)
from engine.domain.errors import PromotionError
from engine.domain.gate import GateResult, GateStatus
from engine.domain.plan import Effect, Plan
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_NOT_DONE = "Not promoted"


@dataclass(frozen=True)
class Asked:
    """The command, as typed until it is understood: answers name it even when it is not."""

    version: str
    source: str | None
    target: str
    dry_run: bool
    trace_id: str


def failure(asked: Asked, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: Asked, result: Result) -> Answer:
    """A real run."""
    document = _document(asked, result.plan) | ended(result)
    if isinstance(result.record, PromotionRecord):
        document |= _recorded(result.record)
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
    ending = Ending.UNCHANGED if settled else Ending.PROMOTED
    document = _document(asked, plan) | would_end(ending, plan)
    return Answer(document, lines, error.exit_code if error else 0)


def blank(asked: Asked) -> dict[str, Any]:
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "promotion_id": None,
        "change_id": None,
        "artifact_digest": None,
        "artifact_tag": None,
        "version": asked.version,
        "source_environment": asked.source,
        "target_environment": asked.target,
        "findings": [],
        "gate_results": [],
        "signature": None,
        "operator": None,
        "authorized_via": None,
        "tags": [],
        "registry_sync": [],
        "warnings": [],
        "promoted_at": None,
        "trace_id": asked.trace_id,
        "dry_run": asked.dry_run,
        "error": None,
    }


def _document(asked: Asked, plan: Plan) -> dict[str, Any]:
    return blank(asked) | {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        "findings": findings_document(plan),
        "gate_results": [gate.model_dump(mode="json") for gate in plan.gate_results],
        "signature": plan.signature.model_dump(mode="json"),
        "operator": plan.request.operator.name,
        "authorized_via": plan.authorized_via or None,
        "tags": [str(write.tag) for write in plan.writes],
    }


def _recorded(record: PromotionRecord) -> dict[str, Any]:
    fields = record.model_dump(mode="json")
    names = ("promotion_id", "artifact_tag", "registry_sync", "promoted_at", "gate_results")
    return {name: fields[name] for name in names}


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
        f"  Record: {record.promotion_id}",
    ]


def _unchanged(step: str) -> str:
    return f"Unchanged: {step} was promoted already"


def _passed(gates: tuple[GateResult, ...]) -> str:
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(passed)}/{len(gates)}"
