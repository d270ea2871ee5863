"""A rollback's end, as JSON and as the lines people and scripts look for."""

from cli.errors import failure_lines
from cli.output import Answer
from cli.render.common import (
    approvals_lines,
    blocked_lines,
    findings_lines,
    operator_line,
    refused_lines,
    registry_lines,
    signature_line,
    tags_lines,
    trace_line,
)
from cli.render.impact import impact_lines
from cli.render.told import ToldRollback
from engine.domain.errors import PromotionError
from engine.domain.plan import Plan
from engine.domain.result import Ending, Result
from engine.domain.text import printable
from engine.responses.common import Document, error_document
from engine.responses.rollback import (
    AskedRollback,
    blank,
    dry_run_document,
    rolled_back_document,
)

_NOT_DONE = "Not rolled back"


def failure(asked: AskedRollback, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(_NOT_DONE, error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedRollback, result: Result) -> Answer:
    """A real run."""
    verified = result.record.identity_verified if result.record else False
    return told_run(rolled_back_document(asked, result), verified=verified)


def rendered_dry_run(asked: AskedRollback, plan: Plan) -> Answer:
    return told_dry_run(dry_run_document(asked, plan))


def told_run(document: Document, *, verified: bool) -> Answer:
    """What `document` says of a real run; `verified` is whether its operator was."""
    told = ToldRollback.model_validate(document)
    if told.error:
        lines = [*refused_lines(_NOT_DONE, told), trace_line(told.trace_id)]
        return Answer(document, lines, told.exit_code, failed=True, warnings=told.warnings)
    done = _done(told, verified=verified)
    return Answer(document, [*done, trace_line(told.trace_id)], warnings=told.warnings)


def told_dry_run(document: Document) -> Answer:
    told = ToldRollback.model_validate(document)
    lines = [
        f"[DRY RUN] Would rollback {told.environment} to {told.version}",
        *findings_lines(told),
        *tags_lines(told),
        *impact_lines(told.impact_analysis),
        *approvals_lines(told),
        *blocked_lines(told),
        *(() if told.error else (_would(told),)),
        trace_line(told.trace_id),
    ]
    return Answer(document, lines, told.exit_code, warnings=told.warnings)


def _done(told: ToldRollback, *, verified: bool) -> list[str]:
    if told.outcome is Ending.UNCHANGED or told.rollback_id is None:
        return [f"Unchanged: {told.environment} already runs {told.version}"]
    return [
        f"Rolled back {told.environment} to {told.version}",
        f"  Rollback tag: {printable(told.artifact_tag or '')}",
        f"  Latest tag updated: latest-{told.environment}",
        f"  Digest: {told.artifact_digest}",
        f"  Before: {printable(told.previous_version or 'nothing')}",
        f"  Reason: {printable(told.reason)}",
        signature_line(told.signature),
        operator_line(told.operator or "", verified=verified),
        *registry_lines(told.registry_sync),
        f"  Record: {told.rollback_id}",
    ]


def _would(told: ToldRollback) -> str:
    if told.outcome is Ending.UNCHANGED:
        return f"Nothing to do: {told.environment} already runs {told.version}"
    return "Rollback would succeed"
