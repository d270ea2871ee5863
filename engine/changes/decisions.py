"""Submit, approve, reject and cancel changes."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any
from uuid import uuid4

from pydantic import JsonValue

from engine.changes.approvals import with_approval
from engine.changes.fingerprint import differences_of, expired, request_of, stale
from engine.changes.moves import move
from engine.changes.rejections import Rejections
from engine.changes.removed import cancel_late, removed_product, target_of
from engine.changes.scheduling import Schedule, ready_state
from engine.changes.submission import Submission
from engine.checks.approval import closed, may_approve, may_decide
from engine.domain.change import OPEN, Change, ChangeState
from engine.domain.change_facts import Ended
from engine.domain.errors import (
    CancelledError,
    ConflictError,
    PromotionError,
    RejectedError,
    StaleError,
    UsageError,
)
from engine.domain.finding import Finding, first_error
from engine.domain.identity import Directory
from engine.domain.operator import Operator
from engine.domain.product import UNNAMED
from engine.domain.record import RejectionRecord
from engine.domain.record_header import record_header
from engine.domain.release_errors import HOLDING
from engine.domain.request import ChangeRequest
from engine.domain.rights import Rights
from engine.execution.runner import Runner
from engine.ports import NO_PROGRESS
from engine.ports.change_store import ChangeStore, Note

_log = logging.getLogger(__name__)
# Concurrent processes move a change only a few times, so this is never reached.
_TRIES = 100


@dataclass(frozen=True)
class Changes:
    """
    Takes the decisions that interfaces offer.

    Every move is a compare-and-swap in the store, so fifty clicks have one effect. A refusal is
    raised as the PromotionError of its rule. `configuration` returns the digest of a target's
    current rules. `refused` is called with changes that were blocked when they were submitted.
    When `closed` is set, no request is accepted: the product was removed from the server.
    """

    runner: Runner
    store: ChangeStore
    configuration: Callable[[str], str]
    refused: Callable[[Change], None] = lambda _change: None
    product: str = UNNAMED
    closed: Event = field(default_factory=Event)
    rejections: Rejections = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rejections", Rejections(self.runner))

    def submit(
        self,
        request: ChangeRequest,
        interface: str,
        key: str | None = None,
        context: dict[str, Any] | None = None,
    ) -> Change:
        """
        Submit `request`.

        An open change for the same version and target, or with the same idempotency `key`, is
        returned instead. `context` belongs to the interface: a Slack channel, for example. An
        operator without permission gets a new change that is blocked.
        """
        if self.closed.is_set():
            raise removed_product(self.product)
        self._expire_twin(request)
        change = Submission(
            self.runner,
            self.store,
            request,
            interface,
            key,
            context or {},
            self.refused,
            self.product,
        ).submit()
        if self.closed.is_set() and change.trace_id == request.trace_id:
            error = removed_product(self.product)
            cancel_late(self.runner, self.store, change, error)
            raise error
        return change

    def get(self, change_id: str) -> Change:
        """The change of that id, or UsageError."""
        change = self.store.get(change_id)
        if change is None:
            raise UsageError(
                f"Change '{change_id}' not found. List changes with: floe platform changes"
            )
        return change

    def approve(
        self, change_id: str, approver: Operator, interface: str, reason: str | None = None
    ) -> Change:
        """
        Approve a change.

        The last required approval moves it to `executing`, and a worker executes it, or to
        `scheduled` before its time. An approver
        can approve again to resume an interrupted change.
        """
        for _ in range(_TRIES):
            change = self._unexpired(self.get(change_id))
            again = change.approved_by(approver)
            if again and change.state is ChangeState.EXECUTING:
                return change
            waits = change.state is ChangeState.AWAITING_APPROVAL and not change.missing_approvals
            target = target_of(self.runner, change)
            found = may_approve(change, approver, target, *self._rules)
            if found.blocks and not (again and waits):
                raise _error(found)
            self._refuse_if_stale(change)
            after = change if again else with_approval(self.runner, change, approver, interface)
            ready = ready_state(after, self.runner.clock.now())
            state = after.state if after.missing_approvals else ready
            note: Note = ("approved", _by(approver, interface, reason))
            moved = self._move(change, after, state, note)
            if moved:
                return moved
        raise _contended(change_id)

    def reject(self, change_id: str, approver: Operator, reason: str, interface: str) -> Change:
        """Reject a change with a reason, which is also recorded in the ledger."""
        for _ in range(_TRIES):
            change = self._unexpired(self.get(change_id))
            found = self._may(change, approver, "reject")
            if found.blocks:
                raise _error(found)
            error = RejectedError(f"Rejected by {approver.name}: {reason}")
            ended = Ended.of(error, approver, interface)
            note: Note = ("rejected", _by(approver, interface, reason))
            moved = self._move(change, change, ChangeState.REJECTED, note, ended=ended)
            if moved:
                self._record_rejection(moved, approver, reason, interface)
                return moved
        raise _contended(change_id)

    def cancel(
        self, change_id: str, operator: Operator, interface: str, reason: str | None = None
    ) -> Change:
        """Cancel a change: allowed to its requester and to its approvers."""
        for _ in range(_TRIES):
            change = self._unexpired(self.get(change_id))
            if not change.requester.same_as(operator):
                found = self._may(change, operator, "cancel")
                if found.blocks:
                    raise _error(found)
            if change.state not in OPEN - {ChangeState.EXECUTING}:
                raise _error(closed(change, "nothing was changed"))
            why = f": {reason}" if reason else ""
            error = CancelledError(f"Cancelled by {operator.name}{why}")
            ended = Ended.of(error, operator, interface)
            note: Note = ("cancelled", _by(operator, interface, reason))
            moved = self._move(change, change, ChangeState.CANCELLED, note, ended=ended)
            if moved:
                return moved
        raise _contended(change_id)

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.runner, self.store)

    def awaits(self, change: Change, operator: Operator) -> bool:
        """Whether `operator` can approve `change` now."""
        if change.target not in self.runner.path.names:
            # The environment was removed while the change waited.
            return False
        target = self.runner.path.environment(change.target)
        return not may_approve(change, operator, target, *self._rules).blocks

    def expire_due(self, changes: Iterable[Change] | None = None) -> tuple[Change, ...]:
        """Expire those of the open `changes`, by default all, that are overdue; returns them."""
        opened = self.store.open() if changes is None else changes
        looked = [(change, self._unexpired(change)) for change in opened]
        return tuple(after for before, after in looked if after is not before)

    def resume_due(self, changes: Iterable[Change] | None = None) -> tuple[Change, ...]:
        """
        Resume those of the open `changes`, by default all, that are approved and whose environment
        is no longer locked or closed by a window; returns them.
        """
        resumed = []
        for change in self.store.open() if changes is None else changes:
            if change.state is not ChangeState.AWAITING_APPROVAL or change.missing_approvals:
                continue
            if change.overdue(self.runner.clock.now()):
                continue
            try:
                self._refuse_if_stale(change)
            except PromotionError as error:
                _log.debug("change %s is not resumed: %s", change.id, error)
                continue
            ready = ready_state(change, self.runner.clock.now())
            moved = self._move(change, change, ready, ("resumed", {}))
            resumed += [moved] if moved else []
        return tuple(resumed)

    def _record_rejection(
        self, change: Change, approver: Operator, reason: str, interface: str
    ) -> None:
        record = RejectionRecord(
            rejection_id=uuid4(),
            change_id=change.id,
            environment=change.target,
            action=change.action,
            version=change.version,
            artifact_digest=change.digest or "",
            requested_by=change.requester.name,
            reason=reason,
            interface=interface,
            rejected_at=change.updated_at,
            **record_header(approver, change.trace_id, self.runner.policy.digest),
        )
        self.rejections.record(record)

    def _unexpired(self, change: Change) -> Change:
        """
        Return `change`, expired first if it is overdue.

        An executing change may already be on the ledger, so only its worker can expire it.
        """
        executing = change.state is ChangeState.EXECUTING
        if executing or not change.overdue(self.runner.clock.now()):
            return change
        ended = Ended.of(expired(change))
        moved = self._move(change, change, ChangeState.EXPIRED, ("expired", {}), ended=ended)
        return moved or self.get(change.id)

    def _expire_twin(self, request: ChangeRequest) -> None:
        """Expire an overdue change of the same version: a new request does not join it."""
        for change in self.store.open(request.target):
            if change.version == request.subject:
                self._unexpired(change)

    def _refuse_if_stale(self, change: Change) -> None:
        """Refuse an approval that no longer matches the check: the change becomes stale."""
        plan = self.runner.plan_policy_only(request_of(change), NO_PROGRESS)
        differences = differences_of(change, plan, self.configuration(change.target))
        if isinstance(plan.error, StaleError) and not differences:
            # A newer request was carried out first.
            differences = (str(plan.error),)
        if differences:
            error = stale(change, differences)
            note: Note = ("stale", {"differences": list(differences)})
            self._move(change, change, ChangeState.STALE, note, ended=Ended.of(error))
            raise error
        if isinstance(plan.error, HOLDING):
            raise plan.error

    @property
    def _rules(self) -> tuple[Rights, Directory, datetime]:
        return self.runner.rights, self.runner.directory, self.runner.clock.now()

    def _may(self, change: Change, operator: Operator, verb: str) -> Finding:
        target = target_of(self.runner, change)
        rights, directory, now = self._rules
        return may_decide(change, operator, target, rights, verb, directory, now)

    def _move(
        self, before: Change, after: Change, state: ChangeState, note: Note, **changes: Any
    ) -> Change | None:
        """Move `before`; None if another process moved it first."""
        moved = after.moved(state, updated_at=self.runner.clock.now(), **changes)
        return move(self.runner, self.store, before, moved, note)


def _by(operator: Operator, interface: str, reason: str | None) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"by": operator.name, "interface": interface}
    return said | ({"reason": reason} if reason else {})


def _error(found: Finding) -> PromotionError:
    error = first_error([found])
    return error or PromotionError(found.reason)


def _contended(change_id: str) -> ConflictError:
    return ConflictError(f"Change {change_id} is being changed by other processes: try again")
