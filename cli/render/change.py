"""Render the answers about a change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.output import Answer
from cli.render import promotion
from cli.render.common import exit_code, gates_lines, record_lines, registry_lines, trace_line
from cli.render.impact import impact_lines
from cli.render.table import show, when
from engine.domain.change import ChangeState
from engine.domain.errors import UsageError
from engine.domain.gate import GateKind
from engine.domain.text import printable
from engine.responses.change import ChangeResponse, GateOutputResponse
from engine.responses.promotion import PromotionInput, PromotionResponse

if TYPE_CHECKING:
    from engine.responses.rollback import RollbackInput, RollbackResponse

_JUDGED = (ChangeState.BLOCKED, ChangeState.FAILED)


def render_approved(change: ChangeResponse) -> Answer:
    """The change after an approval; the exit code is that of its error."""
    return Answer(change, _lines(change), exit_code(change.error), warnings=change.warnings)


def render_shown(change: ChangeResponse) -> Answer:
    """The change, for a reader; showing a failed change is no failure."""
    return Answer(change, _lines(change), warnings=change.warnings)


def render_output(kept_as: str, gate: GateKind, output: bytes | None) -> Answer:
    """The output of a gate; UsageError when none is kept."""
    if output is None:
        raise UsageError(
            f"No output of gate '{gate}' is kept for '{printable(kept_as)}': name a change, or the "
            "record or trace ID of a promotion that was run from this directory in the last 90 days"
        )
    text = output.decode(errors="replace")
    response = GateOutputResponse(
        success=True, id=kept_as, gate=gate.value, output=text, error=None
    )
    return Answer(response, text.splitlines())


def render_rejected(change: ChangeResponse, reason: str) -> Answer:
    line = f"Rejected {change.change_id}: {printable(reason)}"
    return Answer(change, [line, trace_line(change.trace_id)])


def render_cancelled(change: ChangeResponse) -> Answer:
    return Answer(change, [f"Cancelled {change.change_id}", trace_line(change.trace_id)])


def render_promotion(typed: PromotionInput, change: ChangeResponse) -> Answer:
    """The answer of `promote`."""
    response = PromotionResponse.of_change(typed, change)
    if _ended_unasked(change):
        return promotion.render_run(response, verified=change.requester.verified)
    return _submitted(change, response)


def render_rollback(typed: "RollbackInput", change: ChangeResponse) -> Answer:
    """The answer of `rollback`."""
    from cli.render import rollback  # a promotion does not wait for it
    from engine.responses.rollback import RollbackResponse

    response = RollbackResponse.of_change(typed, change)
    if _ended_unasked(change):
        return rollback.render_run(response, verified=change.requester.verified)
    return _submitted(change, response)


def render_changes(changes: Sequence[ChangeResponse]) -> Answer:
    lines = ["No change is in flight"]
    if changes:
        heads = ("CHANGE", "WHAT", "STATE", "APPROVALS", "BY", "ASKED", "EXPIRES")
        lines = show("Changes", heads, [_row(change) for change in changes])
    return Answer(list(changes), lines)


def _submitted(change: ChangeResponse, response: "PromotionResponse | RollbackResponse") -> Answer:
    refused = change.state is not ChangeState.AWAITING_APPROVAL and change.error is not None
    code, warnings = exit_code(change.error), change.warnings
    return Answer(response, _lines(change), code, failed=refused, warnings=warnings)


def _ended_unasked(change: ChangeResponse) -> bool:
    """Whether it ended without a request for approval."""
    return not change.required or change.state in _JUDGED


def _lines(change: ChangeResponse) -> list[str]:
    return [*_change_lines(change), trace_line(change.trace_id)]


def _change_lines(change: ChangeResponse) -> list[str]:
    """The request, the state and the next command."""
    step = _step(change)
    match change.state:
        case ChangeState.PROMOTED:
            done = "Rolled back" if change.action == "rollback" else "Promoted"
            approved = ", ".join(printable(given.operator) for given in change.approvals)
            return [
                f"{done} {step}",
                f"  Latest tag updated: latest-{change.target}",
                *gates_lines(change.gate_results),
                *([f"  Approved by: {approved}"] if approved else []),
                *registry_lines(change.registry_sync),
                *record_lines(change.record_id, change.anchor),
            ]
        case ChangeState.AWAITING_APPROVAL:
            groups = f" from {', '.join(change.groups)}" if change.groups else ""
            return [
                f"Waiting for approval: {step}",
                f"  Change: {change.change_id}",
                *gates_lines(change.gate_results),
                f"  Approvals: {len(change.approvals)} of {change.required}{groups}",
                f"  Expires: {when(change.expires_at)}",
                *(impact_lines(change.impact) if change.impact else ()),
                f"  Another person can run: floe platform approve {change.change_id}",
            ]
        case ChangeState.CHECKING | ChangeState.EXECUTING:
            return [f"Under way: {step}", f"  Change: {change.change_id} ({change.state})"]
        case _:
            why = change.ended.message if change.ended else change.state.value
            return [f"Not done: {step}", f"  {printable(why)}", f"  Change: {change.change_id}"]


def _step(change: ChangeResponse) -> str:
    if change.action == "rollback":
        return f"{change.target} to {change.version}"
    return f"{change.version} from {change.source} to {change.target}"


def _row(change: ChangeResponse) -> tuple[str, ...]:
    return (
        change.change_id,
        f"{change.action} {_step(change)}",
        change.state.value,
        f"{len(change.approvals)}/{change.required}",
        printable(change.requester.name),
        when(change.created_at),
        when(change.expires_at),
    )
