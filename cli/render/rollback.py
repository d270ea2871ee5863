"""Render the answer to a rollback."""

from cli.output import Answer
from cli.render.common import (
    approvals_lines,
    blocked_lines,
    exit_code,
    findings_lines,
    operator_line,
    quarantine_lines,
    record_lines,
    refused_lines,
    registry_lines,
    replaced_line,
    signature_line,
    tags_lines,
    trace_line,
)
from cli.render.impact import changes_lines, impact_lines
from engine.domain.result import Ending
from engine.domain.text import printable
from engine.responses.rollback import RollbackResponse

NOT_DONE = "Not rolled back"


def render_run(response: RollbackResponse, *, verified: bool) -> Answer:
    """The answer to a real run; `verified` says whether the operator's identity was verified."""
    trace, warnings = trace_line(response.trace_id), response.warnings
    if response.error:
        lines = [*refused_lines(NOT_DONE, response), trace]
        return Answer(response, lines, response.error.exit_code, failed=True, warnings=warnings)
    return Answer(response, [*_done(response, verified=verified), trace], warnings=warnings)


def render_dry_run(response: RollbackResponse) -> Answer:
    lines = [
        f"[DRY RUN] Would rollback {response.environment} to {response.version}",
        *(() if response.outcome is Ending.UNCHANGED else (_replaced(response),)),
        *findings_lines(response.findings),
        *tags_lines(response),
        *quarantine_lines(response, response.environment),
        *impact_lines(response.impact_analysis),
        *changes_lines(response.delta),
        *approvals_lines(response),
        *blocked_lines(response.findings),
        *(() if response.error else (_conclusion(response),)),
        trace_line(response.trace_id),
    ]
    return Answer(response, lines, exit_code(response.error), warnings=response.warnings)


def _done(response: RollbackResponse, *, verified: bool) -> list[str]:
    if response.outcome is Ending.UNCHANGED or response.rollback_id is None:
        return [f"Unchanged: {response.environment} already runs {response.version}"]
    return [
        f"Rolled back {response.environment} to {response.version}",
        _replaced(response),
        f"  Rollback tag: {printable(response.artifact_tag or '')}",
        f"  Latest tag updated: latest-{response.environment}",
        f"  Digest: {response.artifact_digest}",
        f"  Reason: {printable(response.reason)}",
        *quarantine_lines(response, response.environment),
        *changes_lines(response.delta, "  "),
        signature_line(response.signature),
        operator_line(response.operator, verified=verified),
        *registry_lines(response.registry_sync),
        *record_lines(response.rollback_id, response.anchor),
    ]


def _replaced(response: RollbackResponse) -> str:
    return replaced_line(response.environment, response.previous_version, response.version)


def _conclusion(response: RollbackResponse) -> str:
    if response.outcome is Ending.UNCHANGED:
        return f"Nothing to do: {response.environment} already runs {response.version}"
    return "Rollback would succeed"
