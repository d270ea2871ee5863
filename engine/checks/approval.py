"""Approvers are verified, not the requester, in the right group, and approve only once."""

from collections.abc import Set
from datetime import datetime

from engine.checks.authorization import why_unverified
from engine.checks.ballots import (
    NO_DIRECTORY,
    find_ballot,
    find_ballots,
    is_taken,
)
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
from engine.domain.identity import Directory
from engine.domain.names import Names
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


def may_approve(
    change: Change,
    approver: Operator,
    target: Environment,
    rights: Rights,
    directory: Directory = NO_DIRECTORY,
    at: datetime | None = None,
) -> Finding:
    """Judge whether `approver` may approve `change` at `at`; a passed finding names the right."""
    places = (change, approver, target, rights)
    found = may_decide(*places, "approve", directory, at, repeated=False)
    if found.blocks:
        return found
    ballot = find_ballot(*places, directory, at)
    if ballot is not None:
        return passed(_NAME, ballot.via)
    filled = [rule for rule in change.rules if rule.filled_by]
    return _block(
        f"'{approver.name}' cannot fill an open rule of {change.id}: "
        f"{'; '.join(rule.described for rule in change.open_rules) or 'none is open'}. "
        + "; ".join(f"{rule.name} is filled by {', '.join(rule.filled_by)}" for rule in filled)
    )


def may_decide(
    change: Change,
    approver: Operator,
    target: Environment,
    rights: Rights,
    verb: str,
    directory: Directory = NO_DIRECTORY,
    at: datetime | None = None,
    *,
    repeated: bool = True,
) -> Finding:
    """
    Judge whether `approver` may `verb` (approve, reject, cancel, reschedule) `change` now.
    With `repeated`, earlier approvers may decide again: they can reject or cancel.
    """
    scheduled = change.state is ChangeState.SCHEDULED and verb != "approve"
    if change.state is not ChangeState.AWAITING_APPROVAL and not scheduled:
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
    ballots = [*find_ballots(approver, target, rights, directory, change.created_at, at)]
    free = [each for each in ballots if not is_taken(change, each, directory, repeated=repeated)]
    if free:
        return passed(_NAME, free[0].via)
    if ballots:
        return _block(
            f"Unauthorized: '{approver.name}' cannot {verb} {change.id} for "
            f"'{ballots[0].delegated_by}', who requested it or already approved it"
        )
    return _block(_without_right(change, approver, target, verb, at))


def _without_right(
    change: Change, approver: Operator, target: Environment, verb: str, at: datetime | None
) -> str:
    further = target.approvals.escalated_to(change.created_at, at) if at else Names()
    needed, named = sorted({*_groups(target), *further}), sorted(target.approvals.operators)
    return (
        f"Unauthorized: '{approver.name}' may not {verb} changes of '{target}'. "
        f"Required groups: [{', '.join(needed)}]. "
        f"Your groups: [{', '.join(sorted(approver.groups))}]"
        + (f". Allowed operators: [{', '.join(named)}]" if named else "")
    )


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
