"""Render the answers about a change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.output import Answer
from cli.render import promotion
from cli.render.common import (
    exit_code,
    gates_lines,
    output_commands,
    quarantine_lines,
    record_lines,
    registry_lines,
    replaced_line,
    trace_line,
)
from cli.render.impact import changes_lines, impact_lines
from cli.render.table import show, when
from engine.domain.change import ChangeState
from engine.domain.errors import UsageError
from engine.domain.gate import GateKind
from engine.domain.text import printable
from engine.responses.change import ChangeResponse, ChangesResponse, GateOutputResponse
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


def render_output(kept_as: str, gate: GateKind, output: bytes | None, trace_id: str) -> Answer:
    """The output of a gate; UsageError when none is kept."""
    if output is None:
        raise UsageError(
            f"No output of gate '{gate}' is kept for '{printable(kept_as)}': name a change, or the "
            "record or trace ID of a promotion that was run from this directory in the last 90 days"
        )
    text = output.decode(errors="replace")
    response = GateOutputResponse.build(
        success=True, id=kept_as, gate=gate.value, output=text, trace_id=trace_id
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


def render_changes(changes: Sequence[ChangeResponse], trace_id: str) -> Answer:
    lines = ["No change is in flight"]
    if changes:
        heads = ("CHANGE", "WHAT", "STATE", "APPROVALS", "BY", "ASKED", "EXPIRES")
        lines = show(heads, [_row(change) for change in changes])
    response = ChangesResponse.build(success=True, changes=changes, trace_id=trace_id)
    return Answer(response, lines)


def _submitted(change: ChangeResponse, response: "PromotionResponse | RollbackResponse") -> Answer:
    waits = change.state in (ChangeState.AWAITING_APPROVAL, ChangeState.SCHEDULED)
    refused = not waits and change.error is not None
    code, warnings = exit_code(change.error), change.warnings
    return Answer(response, _lines(change), code, failed=refused, warnings=warnings)


def _ended_unasked(change: ChangeResponse) -> bool:
    """Whether it ended without a request for approval."""
    unasked = not change.required and change.state is not ChangeState.SCHEDULED
    return unasked or change.state in _JUDGED


def _lines(change: ChangeResponse) -> list[str]:
    return [*_change_lines(change), trace_line(change.trace_id)]


def _change_lines(change: ChangeResponse) -> list[str]:
    """The request, the state and the next command."""
    step = _step(change)
    match change.state:
        case ChangeState.PROMOTED:
            approved = ", ".join(printable(given.by) for given in change.approvals)
            return [
                *_done_lines(change, step),
                *(gates_lines(change.gate_results) if change.waiver is None else ()),
                *changes_lines(change.delta, "  "),
                *([f"  Approved by: {approved}"] if approved else []),
                *quarantine_lines(change, change.target),
                *registry_lines(change.registry_sync),
                *record_lines(change.record_id, change.anchor),
            ]
        case ChangeState.AWAITING_APPROVAL:
            listed = change.groups if not change.rules else None
            groups = f" from {', '.join(listed)}" if listed else ""
            return [
                f"Waiting for approval: {step}",
                *_replaced(change),
                f"  Change: {change.change_id}",
                *_about(change),
                f"  Approvals: {len(change.approvals)} of {change.required}{groups}",
                *_rule_lines(change),
                f"  Expires: {when(change.expires_at)}",
                *(impact_lines(change.impact) if change.impact else ()),
                *changes_lines(change.delta),
                f"  Another person can run: floe platform approve {change.change_id}",
            ]
        case ChangeState.SCHEDULED:
            return _scheduled_lines(change, step)
        case ChangeState.CHECKING | ChangeState.EXECUTING:
            return [f"Under way: {step}", f"  Change: {change.change_id} ({change.state})"]
        case _:
            why = change.ended.message if change.ended else change.state.value
            outputs = output_commands(change.change_id, change.gate_results)
            ended = f"  Change: {change.change_id}"
            return [f"Not done: {step}", f"  {printable(why)}", ended, *outputs]


def _scheduled_lines(change: ChangeResponse, step: str) -> list[str]:
    given = [printable(each.by) for each in change.approvals]
    return [
        f"Scheduled for {when(change.scheduled_at)}: {step}",
        f"  Change: {change.change_id}",
        *([f"  Approved by: {', '.join(given)}"] if given else []),
        f"  To stop it: floe platform cancel {change.change_id}",
    ]


def _rule_lines(change: ChangeResponse) -> list[str]:
    """How each rule is filled, or who can fill it."""
    lines = [
        f"    open: {printable(rule.described)}"
        if rule.missing
        else f"    {printable(rule.name)}: {printable(', '.join(rule.filled_by))}"
        for rule in change.rules
    ]
    if change.escalates_at:
        groups = " or ".join(change.escalates_to)
        lines.append(f"    from {when(change.escalates_at)} on also: {printable(groups)}")
    return lines


def _done_lines(change: ChangeResponse, step: str) -> list[str]:
    if change.waiver is not None:
        unchanged = [f"Unchanged: {step} is waived already"]
        return unchanged if change.unchanged else [f"Waived {step}", *_about(change)]
    done = "Rolled back" if change.action == "rollback" else "Promoted"
    return [f"{done} {step}", *_replaced(change), f"  Latest tag updated: latest-{change.target}"]


def _replaced(change: ChangeResponse) -> list[str]:
    if change.waiver is not None or change.unchanged:
        return []
    before = change.previous.version if change.previous else None
    return [replaced_line(change.target, before, change.version)]


def _about(change: ChangeResponse) -> list[str]:
    """The results of gates, or the reason of a waiver."""
    if change.waiver is None:
        return gates_lines(change.gate_results)
    return [f"  Reason: {printable(change.reason or '')}"]


def _step(change: ChangeResponse) -> str:
    if change.waiver is not None:
        return printable(f"{change.waiver.shown} in {change.target}")
    if change.action == "rollback":
        return f"{change.target} to {change.version}"
    return f"{change.version} from {change.source} to {change.target}"


def _row(change: ChangeResponse) -> tuple[str, ...]:
    return (
        change.change_id,
        f"{change.action} {_step(change)}",
        change.state.value,
        f"{len(change.approvals)} of {change.required}",
        printable(change.requester.name),
        when(change.created_at),
        when(change.expires_at),
    )


def render_waived(change: ChangeResponse) -> Answer:
    """The answer of `waive`."""
    refused = change.state is not ChangeState.AWAITING_APPROVAL and change.error is not None
    code, warnings = exit_code(change.error), change.warnings
    return Answer(change, _lines(change), code, failed=refused, warnings=warnings)
