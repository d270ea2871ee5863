"""A change in flight, for people and for programs."""

from typing import Any

from cli.answer import Answer
from cli.failure import error_document
from cli.render.promotion import Asked, blank
from cli.render.request import scan_lines, trace_line
from cli.render.rollback import AskedRollback
from cli.render.rollback import blank as blank_rollback
from cli.render.status import when
from cli.render.table import show
from engine.domain.change import Change, ChangeState, Ended
from engine.domain.errors import ApprovalPendingError, ChangeClosedError, PromotionError
from engine.domain.gate import GateResult, GateStatus
from engine.domain.text import printable

_OUTCOMES = {
    ChangeState.PROMOTED: "promoted",
    ChangeState.AWAITING_APPROVAL: "pending",
    ChangeState.CHECKING: "pending",
    ChangeState.EXECUTING: "pending",
    ChangeState.BLOCKED: "blocked",
}


def change_document(change: Change) -> dict[str, Any]:
    """The change as it is kept, beside what every JSON answer has."""
    error = error_of(change)
    return {
        "success": error is None,
        "outcome": _OUTCOMES.get(change.state, "failed"),
        "change_id": change.id,
        **change.model_dump(mode="json", exclude={"id", "approvers"}),
        "missing_approvals": change.missing_approvals,
        "error": error_document(error) if error else None,
    }


def rendered(change: Change) -> Answer:
    """What became of a change after a decision."""
    error = error_of(change)
    lines = [*change_lines(change), trace_line(change.trace_id)]
    return Answer(change_document(change), lines, error.exit_code if error else 0)


def rendered_promotion(asked: Asked, change: Change) -> Answer:
    """The answer of `promote` where approvals are needed: the fields of spec 18."""
    error = error_of(change)
    document = blank(asked) | {
        "success": error is None,
        "outcome": _OUTCOMES.get(change.state, "failed"),
        "promotion_id": change.record_id,
        "change_id": change.id,
        "artifact_digest": change.digest,
        "artifact_tag": f"{change.version}-{change.target}",
        "findings": [found.model_dump() for found in change.findings],
        "gate_results": [gate.model_dump(mode="json") for gate in change.gate_results],
        "signature": change.signature.model_dump(mode="json") if change.signature else None,
        "operator": change.requester.name,
        "warnings": list(change.warnings),
        "promoted_at": change.updated_at.isoformat() if change.record_id else None,
        "error": error_document(error) if error else None,
    }
    lines = [*change_lines(change), trace_line(change.trace_id)]
    refused = change.state is not ChangeState.AWAITING_APPROVAL and error is not None
    return Answer(document, lines, error.exit_code if error else 0, failed=refused)


def rendered_rollback(asked: AskedRollback, change: Change) -> Answer:
    """The answer of `rollback` where approvals are needed: the fields of spec 18."""
    error = error_of(change)
    agreed = change.fingerprint
    document = blank_rollback(asked) | {
        "success": error is None,
        "outcome": "rolled_back" if change.record_id else _OUTCOMES.get(change.state, "failed"),
        "rollback_id": change.record_id,
        "change_id": change.id,
        "artifact_digest": change.digest,
        "previous_version": agreed.running_version if agreed else None,
        "previous_digest": agreed.running_digest if agreed else None,
        "operator": change.requester.name,
        "impact_analysis": change.impact.model_dump(mode="json") if change.impact else None,
        "findings": [found.model_dump() for found in change.findings],
        "signature": change.signature.model_dump(mode="json") if change.signature else None,
        "warnings": list(change.warnings),
        "rolled_back_at": change.updated_at.isoformat() if change.record_id else None,
        "error": error_document(error) if error else None,
    }
    lines = [*change_lines(change), trace_line(change.trace_id)]
    refused = change.state is not ChangeState.AWAITING_APPROVAL and error is not None
    return Answer(document, lines, error.exit_code if error else 0, failed=refused)


def change_lines(change: Change) -> list[str]:
    """What it is, where it stands, and the next command."""
    step = _step(change)
    passed = _passed(change.gate_results)
    match change.state:
        case ChangeState.PROMOTED:
            done = "Rolled back" if change.action == "rollback" else "Promoted"
            approved = ", ".join(printable(given.operator) for given in change.approvals)
            return [
                f"{done} {step}",
                f"  Latest tag updated: latest-{change.target}",
                f"  Gates passed: {passed}",
                *scan_lines(change.gate_results),
                *([f"  Approved by: {approved}"] if approved else []),
                f"  Record: {change.record_id}",
            ]
        case ChangeState.AWAITING_APPROVAL:
            groups = f" from {', '.join(change.groups)}" if change.groups else ""
            return [
                f"Waiting for approval: {step}",
                f"  Change: {change.id}",
                f"  Gates passed: {passed}",
                *scan_lines(change.gate_results),
                f"  Approvals: {len(change.approvals)} of {change.required}{groups}",
                f"  Expires: {when(change.expires_at)}",
                f"  Somebody else: floe platform approve {change.id}",
            ]
        case ChangeState.CHECKING | ChangeState.EXECUTING:
            return [f"Under way: {step}", f"  Change: {change.id} ({change.state})"]
        case _:
            said = change.ended.message if change.ended else change.state.value
            return [f"Not done: {step}", f"  {printable(said)}", f"  Change: {change.id}"]


def changes_table(changes: tuple[Change, ...]) -> list[str]:
    if not changes:
        return ["No change is in flight"]
    heads = ("CHANGE", "WHAT", "STATE", "APPROVALS", "BY", "ASKED", "EXPIRES")
    return show("Changes", heads, [_row(change) for change in changes])


def error_of(change: Change) -> PromotionError | None:
    """Why a change is not done, with the exit code of spec 18; None when it is."""
    if change.state is ChangeState.PROMOTED:
        return None
    if change.ended is None:
        return ApprovalPendingError(
            f"Change {change.id} waits for {change.missing_approvals} of {change.required} "
            f"approvals. Somebody else: floe platform approve {change.id}",
            {"change_id": change.id, "state": change.state.value},
        )
    return EndedError(change, change.ended)


class EndedError(ChangeClosedError):
    """A change that ended without its effect, under the codes of what ended it."""

    def __init__(self, change: Change, ended: Ended) -> None:
        super().__init__(ended.message, {"change_id": change.id, "state": change.state.value})
        self.exit_code = ended.exit_code
        self.reason_code = ended.reason_code


def _step(change: Change) -> str:
    if change.action == "rollback":
        return f"{change.target} to {change.version}"
    return f"{change.version} from {change.source} to {change.target}"


def _passed(gates: tuple[GateResult, ...]) -> str:
    passed = [g for g in gates if g.status in (GateStatus.PASSED, GateStatus.WARNING)]
    return f"{len(passed)}/{len(gates)}"


def _row(change: Change) -> tuple[str, ...]:
    return (
        change.id,
        f"{change.action} {_step(change)}",
        change.state.value,
        f"{len(change.approvals)}/{change.required}",
        printable(change.requester.name),
        when(change.created_at),
        when(change.expires_at),
    )
