"""Render the answer to a promotion."""

from cli.output import Answer
from cli.render.common import (
    approvals_lines,
    blocked_lines,
    exit_code,
    findings_lines,
    gates_lines,
    operator_line,
    output_commands,
    record_lines,
    refused_lines,
    registry_lines,
    replaced_line,
    scan_lines,
    signature_line,
    tags_lines,
    trace_line,
)
from cli.render.impact import changes_lines, impact_lines
from engine.domain.result import Ending
from engine.domain.text import printable
from engine.responses.promotion import PromotionResponse

NOT_DONE = "Not promoted"


def render_run(response: PromotionResponse, *, verified: bool) -> Answer:
    """Render a real run; `verified` says whether the operator's identity was verified."""
    trace, warnings = trace_line(response.trace_id), response.warnings
    if response.error:
        outputs = output_commands(response.change_id or response.trace_id, response.gate_results)
        about = [*scan_lines(response.gate_results), *outputs]
        lines = [*refused_lines(NOT_DONE, response), *about, trace]
        return Answer(response, lines, response.error.exit_code, failed=True, warnings=warnings)
    return Answer(response, [*_done(response, verified=verified), trace], warnings=warnings)


def render_dry_run(response: PromotionResponse) -> Answer:
    unchanged = response.outcome is Ending.UNCHANGED
    step = _unchanged(response) if unchanged else f"Would promote {response.step}"
    lines = [
        f"[DRY RUN] {step}",
        *(() if unchanged else (_replaced(response),)),
        *findings_lines(response.findings),
        *tags_lines(response),
        *(impact_lines(response.impact_analysis) if response.impact_analysis else ()),
        *changes_lines(response.delta),
        *approvals_lines(response),
        *blocked_lines(response.findings),
        *(() if response.error else ("Promotion would succeed",)),
        trace_line(response.trace_id),
    ]
    return Answer(response, lines, exit_code(response.error), warnings=response.warnings)


def _done(response: PromotionResponse, *, verified: bool) -> list[str]:
    if response.outcome is Ending.UNCHANGED or response.promotion_id is None:
        return [_unchanged(response)]
    return [
        f"Promoted {response.step}",
        _replaced(response),
        f"  New tag: {printable(response.artifact_tag or '')}",
        f"  Latest tag updated: latest-{response.target_environment}",
        f"  Digest: {response.artifact_digest}",
        *gates_lines(response.gate_results),
        *changes_lines(response.delta, "  "),
        signature_line(response.signature),
        operator_line(response.operator, verified=verified),
        *registry_lines(response.registry_sync),
        *record_lines(response.promotion_id, response.anchor),
    ]


def _replaced(response: PromotionResponse) -> str:
    target, before = response.target_environment, response.previous_version
    return replaced_line(target, before, response.version)


def _unchanged(response: PromotionResponse) -> str:
    return f"Unchanged: {response.step} was promoted already"
