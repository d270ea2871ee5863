"""A change in flight, as JSON: as it is kept, and as the promotion or rollback it is."""

from engine.domain.change import Change, ChangeState, Person
from engine.domain.errors import ApprovalPendingError, PromotionError
from engine.domain.overrides import used_overrides
from engine.domain.result import Ending
from engine.responses import promotion, rollback
from engine.responses.common import Document, error_document
from engine.responses.promotion import Asked
from engine.responses.rollback import AskedRollback

_OUTCOMES = {
    ChangeState.PROMOTED: "promoted",
    ChangeState.AWAITING_APPROVAL: "pending",
    ChangeState.CHECKING: "pending",
    ChangeState.EXECUTING: "pending",
    ChangeState.BLOCKED: "blocked",
}


def change_document(change: Change) -> Document:
    """The change as it is kept, beside what every JSON answer has."""
    return {
        "success": change.state is ChangeState.PROMOTED,
        "outcome": _OUTCOMES.get(change.state, "failed"),
        "change_id": change.id,
        **change.model_dump(mode="json", exclude={"id", "approvers", "requester"}),
        "requester": _person(change.requester),
        "missing_approvals": change.missing_approvals,
        "error": _error(change),
    }


def promotion_of(asked: Asked, change: Change) -> Document:
    """The answer to a promotion that is a change."""
    due = f"{change.version}-{change.target}" if change.open else None
    return (
        promotion.blank(asked)
        | _common(change)
        | {
            "outcome": _outcome(change, Ending.PROMOTED),
            "promotion_id": change.record_id,
            "artifact_tag": change.artifact_tag or due,
            "gate_results": [gate.model_dump(mode="json") for gate in change.gate_results],
            "overrides": [
                each.model_dump() for each in used_overrides(change.overrides, change.findings)
            ],
            "impact_analysis": change.impact.model_dump(mode="json") if change.impact else None,
            "promoted_at": _recorded_at(change),
        }
    )


def rollback_of(asked: AskedRollback, change: Change) -> Document:
    """The answer to a rollback that is a change."""
    before = change.previous
    return (
        rollback.blank(asked)
        | _common(change)
        | {
            "outcome": _outcome(change, Ending.ROLLED_BACK),
            "rollback_id": change.record_id,
            "artifact_tag": change.artifact_tag,
            "previous_version": before.version if before else None,
            "previous_digest": before.digest if before else None,
            "impact_analysis": change.impact.model_dump(mode="json") if change.impact else None,
            "rolled_back_at": _recorded_at(change),
        }
    )


def error_of(change: Change) -> PromotionError | None:
    """The error that a change ended in or waits with; None for one that is promoted."""
    if change.state is ChangeState.PROMOTED:
        return None
    if change.ended is None and not change.missing_approvals:
        return ApprovalPendingError(
            f"Change {change.id} is under way ({change.state}): look again in a moment",
            {"change_id": change.id, "state": change.state.value},
        )
    if change.ended is None:
        return ApprovalPendingError(
            f"Change {change.id} waits for {change.missing_approvals} of {change.required} "
            f"approvals. Somebody else: floe platform approve {change.id}",
            {"change_id": change.id, "state": change.state.value},
        )
    return change.ended.as_error({"change_id": change.id, "state": change.state.value})


def _person(person: Person) -> Document:
    """Sets in one order, so that equal changes are equal documents."""
    fields = person.model_dump(mode="json")
    ordered = {name: sorted(fields[name]) for name in ("groups", "names", "claimed")}
    return fields | ordered


def _outcome(change: Change, done: Ending) -> str:
    if change.state is ChangeState.PROMOTED:
        return (Ending.UNCHANGED if change.unchanged else done).value
    return _OUTCOMES.get(change.state, "failed")


def _recorded_at(change: Change) -> str | None:
    """As records write a time."""
    at: str | None = change.model_dump(mode="json", include={"recorded_at"})["recorded_at"]
    return at


def _error(change: Change) -> Document | None:
    error = error_of(change)
    return error_document(error) if error else None


def _authorized_via(change: Change) -> str | None:
    """What let the requester in, as the check said."""
    said = (f for f in change.findings if f.check == "authorization" and f.outcome != "blocked")
    return next((found.reason or None for found in said), None)


def _common(change: Change) -> Document:
    done = change.state is ChangeState.PROMOTED and not change.unchanged
    return {
        "success": change.state is ChangeState.PROMOTED,
        "change_id": change.id,
        "artifact_digest": change.digest,
        "operator": change.requester.name,
        "authorized_via": _authorized_via(change),
        "approvals_missing": change.missing_approvals if change.open else 0,
        "tags": [change.artifact_tag, f"latest-{change.target}"] if done else [],
        "findings": [found.model_dump() for found in change.findings],
        "signature": change.signature.model_dump(mode="json") if change.signature else None,
        "registry_sync": [each.model_dump(mode="json") for each in change.registry_sync],
        "warnings": list(change.warnings),
        # Of whoever asked first: it stands in the record, too.
        "trace_id": change.trace_id,
        "error": _error(change),
    }
