"""A rollback's end, as JSON of spec 18 and as the lines people and scripts look for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
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
    signature_line,
    tags_lines,
    trace_line,
    warned_lines,
    would_end,
)
from engine.domain.errors import PromotionError
from engine.domain.impact import ImpactAnalysis
from engine.domain.plan import Effect, Plan
from engine.domain.record import RollbackRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_NOT_DONE = "Not rolled back"


@dataclass(frozen=True)
class AskedRollback:
    """The command, as typed until it is understood: answers name it even when it is not."""

    version: str
    environment: str
    reason: str
    dry_run: bool
    trace_id: str


def failure(asked: AskedRollback, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedRollback, result: Result) -> Answer:
    """A real run."""
    document = _document(asked, result.plan) | ended(result)
    if isinstance(result.record, RollbackRecord):
        document |= _recorded(result.record)
    if result.error is not None:
        lines = [*refused_lines(_NOT_DONE, result), trace_line(asked.trace_id)]
        return Answer(document, lines, result.error.exit_code, failed=True)
    lines = [*_done(asked, result), *warned_lines(result.warnings), trace_line(asked.trace_id)]
    return Answer(document, lines)


def rendered_dry_run(asked: AskedRollback, plan: Plan) -> Answer:
    error = plan.error
    nothing = plan.effect is Effect.NOTHING
    document = _document(asked, plan) | would_end(
        Ending.UNCHANGED if nothing else Ending.ROLLED_BACK, plan
    )
    lines = [
        f"[DRY RUN] Would rollback {asked.environment} to {asked.version}",
        *findings_lines(plan),
        *tags_lines(plan),
        *_impact(plan.impact),
        *_approvals(plan),
        *blocked_lines(plan),
        *(() if error else (_would(asked, plan),)),
        trace_line(asked.trace_id),
    ]
    return Answer(document, lines, error.exit_code if error else 0)


def blank(asked: AskedRollback) -> dict[str, Any]:
    return {
        "success": False,
        "outcome": Ending.FAILED.value,
        "rollback_id": None,
        "change_id": None,
        "artifact_digest": None,
        "artifact_tag": None,
        "environment": asked.environment,
        "version": asked.version,
        "previous_version": None,
        "previous_digest": None,
        "reason": asked.reason,
        "operator": None,
        "authorized_via": None,
        "impact_analysis": None,
        "findings": [],
        "signature": None,
        "tags": [],
        "warnings": [],
        "rolled_back_at": None,
        "trace_id": asked.trace_id,
        "dry_run": asked.dry_run,
        "error": None,
    }


def _document(asked: AskedRollback, plan: Plan) -> dict[str, Any]:
    previous = plan.previous
    return blank(asked) | {
        "artifact_digest": str(plan.manifest.digest) if plan.manifest else None,
        "artifact_tag": next((str(w.tag) for w in plan.writes if w.immutable), None),
        "previous_version": previous.version if previous else None,
        "previous_digest": previous.digest if previous else None,
        "operator": plan.request.operator.name,
        "authorized_via": plan.authorized_via or None,
        "impact_analysis": plan.impact.model_dump(mode="json") if plan.impact else None,
        "findings": findings_document(plan),
        "signature": plan.signature.model_dump(mode="json"),
        "tags": [str(write.tag) for write in plan.writes],
    }


def _recorded(record: RollbackRecord) -> dict[str, Any]:
    fields = record.model_dump(mode="json")
    names = (
        "rollback_id",
        "artifact_tag",
        "previous_version",
        "previous_digest",
        "reason",
        "operator",
        "impact_analysis",
        "rolled_back_at",
    )
    return {name: fields[name] for name in names}


def _done(asked: AskedRollback, result: Result) -> list[str]:
    record = result.record
    if result.outcome is Ending.UNCHANGED or not isinstance(record, RollbackRecord):
        return [f"Unchanged: {asked.environment} already runs {asked.version}"]
    return [
        f"Rolled back {asked.environment} to {asked.version}",
        f"  Rollback tag: {record.artifact_tag}",
        f"  Latest tag updated: latest-{asked.environment}",
        f"  Digest: {record.artifact_digest}",
        f"  Before: {record.previous_version or 'nothing'}",
        f"  Reason: {printable(record.reason)}",
        signature_line(record),
        operator_line(record),
        f"  Record: {record.rollback_id}",
    ]


def _impact(impact: ImpactAnalysis | None) -> Iterator[str]:
    if impact is None:
        yield "Impact: not analysed"
        return
    yield "Impact:"
    undone = [f"{len(impact.versions_undone)} versions ({', '.join(impact.versions_undone)})"]
    if impact.seconds_undone is not None:
        undone.append(f"{timedelta(seconds=impact.seconds_undone)} since they began")
    yield from _listed("undone", undone if impact.versions_undone else ())
    yield from _listed("breaking", impact.breaking_changes)
    yield from _listed("affected", impact.affected_products)
    yield from _listed("unknown", impact.not_compared)
    yield from _listed("advice", impact.recommendations)


def _listed(word: str, texts: Iterable[str]) -> Iterator[str]:
    return (f"  {word:8} {printable(text)}" for text in texts)


def _approvals(plan: Plan) -> Iterator[str]:
    if plan.approvals_missing:
        yield f"Approvals needed: {plan.approvals_missing}"


def _would(asked: AskedRollback, plan: Plan) -> str:
    if plan.effect is Effect.NOTHING:
        return f"Nothing to do: {asked.environment} already runs {asked.version}"
    return "Rollback would succeed"
