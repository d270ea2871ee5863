"""A rollback's end, as JSON of spec 18 and as the lines people and scripts look for."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from cli.answer import Answer
from cli.failure import failure_lines
from cli.render.request import (
    blocked_lines,
    findings_lines,
    operator_line,
    refused_lines,
    registry_lines,
    signature_line,
    tags_lines,
    trace_line,
    warned_lines,
)
from engine.domain.documents.answers import error_document
from engine.domain.documents.rollback import (
    AskedRollback,
    blank,
    dry_run_document,
    rolled_back_document,
)
from engine.domain.errors import PromotionError
from engine.domain.impact import ImpactAnalysis
from engine.domain.plan import Effect, Plan
from engine.domain.record import RollbackRecord
from engine.domain.result import Ending, Result
from engine.domain.text import printable

_NOT_DONE = "Not rolled back"


def failure(asked: AskedRollback, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedRollback, result: Result) -> Answer:
    """A real run."""
    document = rolled_back_document(asked, result)
    if result.error is not None:
        lines = [*refused_lines(_NOT_DONE, result), trace_line(asked.trace_id)]
        return Answer(document, lines, result.error.exit_code, failed=True)
    lines = [*_done(asked, result), *warned_lines(result.warnings), trace_line(asked.trace_id)]
    return Answer(document, lines)


def rendered_dry_run(asked: AskedRollback, plan: Plan) -> Answer:
    error = plan.error
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
    return Answer(dry_run_document(asked, plan), lines, error.exit_code if error else 0)


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
        *registry_lines(result.registry_sync),
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
