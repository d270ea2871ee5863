"""A change in flight, for people and for programs."""

from cli.output import Answer
from cli.render import promotion, rollback
from cli.render.common import registry_lines, scan_lines, trace_line
from cli.render.impact import impact_lines
from cli.render.status import when
from cli.render.table import show
from engine.domain.change import Change, ChangeState
from engine.domain.errors import UsageError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.text import printable
from engine.responses.change import change_document, error_of, promotion_of, rollback_of
from engine.responses.common import Document
from engine.responses.promotion import Asked
from engine.responses.rollback import AskedRollback

# Ended before anybody was asked to agree: as it ends where nobody has to.
_JUDGED = (ChangeState.BLOCKED, ChangeState.FAILED)


def rendered(change: Change) -> Answer:
    """What became of a change after a decision."""
    error = error_of(change)
    lines = [*change_lines(change), trace_line(change.trace_id)]
    code = error.exit_code if error else 0
    return Answer(change_document(change), lines, code, warnings=change.warnings)


def shown(change: Change) -> Answer:
    """One change, whatever became of it: that it is shown is no failure."""
    lines = [*change_lines(change), trace_line(change.trace_id)]
    return Answer(change_document(change), lines, warnings=change.warnings)


def gate_output(kept_as: str, gate: GateKind, output: bytes | None) -> Answer:
    """What a gate printed; UsageError where nothing is kept."""
    if output is None:
        raise UsageError(
            f"No output of gate '{gate}' is kept for '{printable(kept_as)}': name a change, or the "
            "record or trace ID of a promotion that was run from this directory in the last 90 days"
        )
    said = output.decode(errors="replace")
    document = {"success": True, "id": kept_as, "gate": gate.value, "output": said, "error": None}
    return Answer(document, said.splitlines())


def rejected(document: Document, change: Change, reason: str) -> Answer:
    said = f"Rejected {change.id}: {printable(reason)}"
    return Answer(document, [said, trace_line(change.trace_id)])


def cancelled(document: Document, change: Change) -> Answer:
    return Answer(document, [f"Cancelled {change.id}", trace_line(change.trace_id)])


def rendered_promotion(asked: Asked, change: Change) -> Answer:
    """The answer of `promote` where approvals are needed."""
    document = promotion_of(asked, change)
    if change.state in _JUDGED:
        return promotion.told_run(document, verified=change.requester.verified)
    return _answered(change, document)


def rendered_rollback(asked: AskedRollback, change: Change) -> Answer:
    """The answer of `rollback` where approvals are needed."""
    document = rollback_of(asked, change)
    if change.state in _JUDGED:
        return rollback.told_run(document, verified=change.requester.verified)
    return _answered(change, document)


def _answered(change: Change, document: Document) -> Answer:
    error = error_of(change)
    lines = [*change_lines(change), trace_line(change.trace_id)]
    refused = change.state is not ChangeState.AWAITING_APPROVAL and error is not None
    code = error.exit_code if error else 0
    return Answer(document, lines, code, failed=refused, warnings=change.warnings)


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
                *registry_lines(change.registry_sync),
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
                *(impact_lines(change.impact) if change.impact else ()),
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
