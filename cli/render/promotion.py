"""A promotion's end, as JSON of spec 18 and as the lines people and scripts look for."""

from dataclasses import dataclass
from typing import Any

from cli.answer import Answer
from cli.failure import error_document
from engine.domain.errors import PromotionError
from engine.domain.finding import Finding, Outcome
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.plan import Plan
from engine.domain.record import PromotionRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_MARKS = {
    Outcome.PASSED: "passed",
    Outcome.WARNED: "warning",
    Outcome.BLOCKED: "blocked",
    Outcome.SKIPPED: "skipped",
}


@dataclass(frozen=True)
class Asked:
    """The command, as typed until it is understood: answers name it even when it is not."""

    version: str
    source: str | None
    target: str
    dry_run: bool
    trace_id: str


def failure(asked: Asked, error: PromotionError) -> Answer:
    document = _blank(asked) | {"error": error_document(error)}
    lines = [f"Not promoted: {printable(str(error))}", f"Trace ID: {asked.trace_id}"]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: Asked, result: Result) -> Answer:
    """A real run."""
    plan, error = result.plan, result.error
    document = _document(asked, plan) | {
        "success": error is None,
        "outcome": result.outcome.value,
        "warnings": list(result.warnings),
        "error": error_document(error) if error else None,
    }
    if isinstance(result.record, PromotionRecord):
        document |= _recorded(result.record)
    if error is not None:
        lines = [f"Not promoted: {printable(f.reason)}" for f in plan.blockers]
        return Answer(document, [*lines, _trace(plan)], error.exit_code, failed=True)
    return Answer(document, [*_done(asked, result), *_warned(result.warnings), _trace(plan)])


def rendered_dry_run(asked: Asked, plan: Plan) -> Answer:
    error = plan.error
    document = _document(asked, plan) | {
        "success": error is None,
        "outcome": (Ending.BLOCKED if error else Ending.PROMOTED).value,
        "warnings": list(plan.warnings),
        "error": error_document(error) if error else None,
    }
    lines = [
        f"[DRY RUN] Would promote {asked.version} from {asked.source} to {asked.target}",
        *_table(plan.findings),
        *(f"  tag      {write.tag} -> {write.digest.short}" for write in plan.writes),
        *(f"BLOCKED: {printable(_would(finding))}" for finding in plan.blockers),
        *(() if error else ("Promotion would succeed",)),
        _trace(plan),
    ]
    return Answer(document, lines, error.exit_code if error else 0)


def _blank(asked: Asked) -> dict[str, Any]:
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
    return _blank(asked) | {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        "findings": [_finding(finding) for finding in plan.findings],
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


def _finding(finding: Finding) -> dict[str, Any]:
    return {"check": finding.check, "outcome": finding.outcome.value, "reason": finding.reason}


def _done(asked: Asked, result: Result) -> list[str]:
    record = result.record
    step = f"{asked.version} from {asked.source} to {asked.target}"
    if result.outcome is Ending.UNCHANGED or not isinstance(record, PromotionRecord):
        return [f"Unchanged: {step} was promoted already"]
    return [
        f"Promoted {step}",
        f"  New tag: {record.artifact_tag}",
        f"  Latest tag updated: latest-{asked.target}",
        f"  Digest: {record.artifact_digest}",
        f"  Gates passed: {_passed(record.gate_results)}",
        f"  {_signature(record)}",
        f"  Operator: {printable(record.operator)}"
        f"{'' if record.identity_verified else ' (identity not verified)'}",
        f"  Record: {record.promotion_id}",
    ]


def _passed(gates: tuple[GateResult, ...]) -> str:
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(passed)}/{len(gates)}"


def _signature(record: PromotionRecord) -> str:
    status = record.signature_status
    if record.signature_verified:
        return f"Signature verified ({status.mode}, {printable(status.subject or '')})"
    if status.enforcement == "off":
        return "Signature: not verified (artifacts.verification is not configured)"
    return f"WARNING: {printable(status.problem or 'Artifact is unsigned')}"


def _warned(warnings: tuple[str, ...]) -> list[str]:
    return [f"WARNING: {printable(warning)}" for warning in warnings]


def _table(findings: tuple[Finding, ...]) -> list[str]:
    return [f"  {_MARKS[f.outcome]:8} {f.check}: {printable(f.reason)}" for f in findings]


def _would(finding: Finding) -> str:
    """A gate that blocks a dry run has not failed anything yet."""
    if finding.check not in set(GateKind):
        return finding.reason
    name = finding.check.replace("_", " ").capitalize()
    return f"{name} gate would fail: {finding.reason}"


def _trace(plan: Plan) -> str:
    return f"Trace ID: {plan.request.trace_id}"
