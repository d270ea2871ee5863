"""A change in flight, as JSON: as it is kept, and as the promotion or rollback it is."""

from engine.domain.change import Change, ChangeState, Ended, Person
from engine.domain.documents import promotion, rollback
from engine.domain.documents.answers import Document, error_document
from engine.domain.documents.promotion import Asked
from engine.domain.documents.rollback import AskedRollback
from engine.domain.errors import ApprovalPendingError, ChangeClosedError, PromotionError

_OUTCOMES = {
    ChangeState.PROMOTED: "promoted",
    ChangeState.AWAITING_APPROVAL: "pending",
    ChangeState.CHECKING: "pending",
    ChangeState.EXECUTING: "pending",
    ChangeState.BLOCKED: "blocked",
}


def change_document(change: Change) -> Document:
    """The change as it is kept, beside what every JSON answer has."""
    error = error_of(change)
    return {
        "success": error is None,
        "outcome": _OUTCOMES.get(change.state, "failed"),
        "change_id": change.id,
        **change.model_dump(mode="json", exclude={"id", "approvers", "requester"}),
        "requester": _person(change.requester),
        "missing_approvals": change.missing_approvals,
        "error": error_document(error) if error else None,
    }


def promotion_of(asked: Asked, change: Change) -> Document:
    """The answer to a promotion that is a change: the fields of spec 18."""
    return (
        promotion.blank(asked)
        | _common(change)
        | {
            "outcome": _OUTCOMES.get(change.state, "failed"),
            "promotion_id": change.record_id,
            "artifact_tag": f"{change.version}-{change.target}",
            "gate_results": [gate.model_dump(mode="json") for gate in change.gate_results],
            "promoted_at": change.updated_at.isoformat() if change.record_id else None,
        }
    )


def rollback_of(asked: AskedRollback, change: Change) -> Document:
    """The answer to a rollback that is a change: the fields of spec 18."""
    agreed = change.fingerprint
    return (
        rollback.blank(asked)
        | _common(change)
        | {
            "outcome": "rolled_back" if change.record_id else _OUTCOMES.get(change.state, "failed"),
            "rollback_id": change.record_id,
            "previous_version": agreed.running_version if agreed else None,
            "previous_digest": agreed.running_digest if agreed else None,
            "impact_analysis": change.impact.model_dump(mode="json") if change.impact else None,
            "rolled_back_at": change.updated_at.isoformat() if change.record_id else None,
        }
    )


def error_of(change: Change) -> PromotionError | None:
    """Why a change is not done, with the exit code of spec 18; None when it is."""
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
    return EndedError(change, change.ended)


class EndedError(ChangeClosedError):
    """A change that ended without its effect, under the codes of what ended it."""

    def __init__(self, change: Change, ended: Ended) -> None:
        super().__init__(ended.message, {"change_id": change.id, "state": change.state.value})
        self.exit_code = ended.exit_code
        self.reason_code = ended.reason_code


def _person(person: Person) -> Document:
    """Sets in one order, so that equal changes are equal documents."""
    fields = person.model_dump(mode="json")
    ordered = {name: sorted(fields[name]) for name in ("groups", "names", "claimed")}
    return fields | ordered


def _common(change: Change) -> Document:
    error = error_of(change)
    return {
        "success": error is None,
        "change_id": change.id,
        "artifact_digest": change.digest,
        "operator": change.requester.name,
        "findings": [found.model_dump() for found in change.findings],
        "signature": change.signature.model_dump(mode="json") if change.signature else None,
        "registry_sync": [each.model_dump(mode="json") for each in change.registry_sync],
        "warnings": list(change.warnings),
        "error": error_document(error) if error else None,
    }
