"""Approvers are verified, not the requester, in the right group, and approve only once."""

from collections.abc import Set

from engine.checks.authorization import granted_via, why_unverified
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment
from engine.domain.errors import (
    AuthorizationError,
    CancelledError,
    ChangeClosedError,
    ExpiredError,
    RejectedError,
    StaleError,
    SupersededError,
)
from engine.domain.finding import Finding, blocked, passed
from engine.domain.operator import Operator
from engine.domain.rights import Rights

_NAME = "approval"
_CLOSED: dict[ChangeState, type[ChangeClosedError]] = {
    ChangeState.REJECTED: RejectedError,
    ChangeState.EXPIRED: ExpiredError,
    ChangeState.STALE: StaleError,
    ChangeState.SUPERSEDED: SupersededError,
    ChangeState.CANCELLED: CancelledError,
}


def may_approve(change: Change, approver: Operator, target: Environment, rights: Rights) -> Finding:
    """Judge whether `approver` may approve `change` now; a passed finding names the right."""
    return may_decide(change, approver, target, rights, "approve", repeated=False)


def may_decide(
    change: Change,
    approver: Operator,
    target: Environment,
    rights: Rights,
    verb: str,
    *,
    repeated: bool = True,
) -> Finding:
    """
    Judge whether `approver` may `verb` (approve, reject, cancel) `change` now.

    With `repeated`, earlier approvers may decide again: they can reject or cancel.
    """
    if change.state is not ChangeState.AWAITING_APPROVAL:
        return closed(change, "it does not wait for approval")
    if not approver.verified:
        return _block(
            f"Unauthorized: the identity '{approver.id}' is not verified, so it cannot {verb} "
            f"{change.id}: {why_unverified(approver)}"
        )
    if change.requester.same_as(approver):
        return _block(
            f"Unauthorized: '{approver.name}' requested {change.id} and cannot also {verb} it. "
            "Another person must decide"
        )
    if not repeated and change.approved_by(approver):
        return _block(f"'{approver.name}' already approved {change.id}. Another person is needed")
    via = approver_via(approver, target, rights)
    if via:
        return passed(_NAME, via)
    needed = ", ".join(sorted(_groups(target)))
    return _block(
        f"Unauthorized: '{approver.name}' may not {verb} changes of '{target}'. "
        f"Required groups: [{needed}]. Your groups: [{', '.join(sorted(approver.groups))}]"
    )


def approver_via(approver: Operator, target: Environment, rights: Rights) -> str:
    """
    Find the right by which `approver` may approve changes of `target`; empty without one.

    It is a group of `approvals.groups`, or, where that is not configured, the target's
    authorization. An unverified operator has none.
    """
    if not approver.verified:
        return ""
    groups = target.approvals.groups
    if groups is None:
        return granted_via(approver, target, rights)
    shared = approver.groups & groups
    return f"group {min(shared)}" if shared else ""


def override_via(operator: Operator, target: Environment, rights: Rights) -> str:
    """Find the right by which `operator` may override a rule of `target`, as its approver."""
    asked = target.approvals.groups is not None or target.approvals.required
    if target.authorization is None and not asked:
        return granted_via(operator, target, rights)
    return approver_via(operator, target, rights)


def _groups(target: Environment) -> Set[str]:
    if target.approvals.groups is not None:
        return target.approvals.groups
    rules = target.authorization
    return (rules.allowed_groups if rules else None) or frozenset()


def closed(change: Change, consequence: str) -> Finding:
    """The refusal of a decision that comes too late, of the same error class as the change."""
    details = {**(change.ended.details if change.ended else {}), "change_id": change.id}
    return blocked(
        _NAME,
        f"Change {change.id} is {change.state}: {consequence}",
        _CLOSED.get(change.state, ChangeClosedError),
        {**details, "state": change.state.value},
    )


def _block(reason: str) -> Finding:
    return blocked(_NAME, reason, AuthorizationError)
