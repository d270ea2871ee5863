"""Changes with a time at which they are carried out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.changes.approvals import waiting_fields
from engine.changes.moves import move
from engine.checks.approval import closed, may_decide
from engine.domain.change import Change, ChangeState
from engine.domain.errors import ConflictError, PromotionError, UsageError
from engine.domain.finding import first_error
from engine.domain.operator import Operator
from engine.domain.scheduled_time import check_time
from engine.domain.text import iso_time
from engine.execution.runner import Runner
from engine.ports.change_store import ChangeStore, Note

_WAITING = (ChangeState.AWAITING_APPROVAL, ChangeState.SCHEDULED)
_TRIES = 100


def ready_state(change: Change, now: datetime) -> ChangeState:
    """The state of a change that needs no further approval."""
    early = change.scheduled_at is not None and now < change.scheduled_at
    return ChangeState.SCHEDULED if early else ChangeState.EXECUTING


def refuse_early(change: Change, now: datetime) -> None:
    """Raise ConflictError before the time of `change`."""
    if ready_state(change, now) is ChangeState.SCHEDULED:
        raise ConflictError(
            f"Change {change.id} is for {iso_time(change.scheduled_at or now)}, which has not "
            "come: nothing was changed. Ask again"
        )


def extend_deadline(change: Change) -> Change:
    """Leave time for another approval of a scheduled change, which lost one at its time."""
    if change.scheduled_at is None or change.deadline is None:
        return change
    later = max(change.expires_at or change.deadline, change.deadline)
    return change.model_copy(update={"expires_at": later})


@dataclass(frozen=True)
class Schedule:
    """
    Starts changes at their time, and moves that time.

    Every move is a compare-and-swap in the store, so of several servers one starts a change.
    """

    runner: Runner
    store: ChangeStore

    def start_due(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Have those of `changes` checked again whose time has come; returns them."""
        now = self.runner.clock.now()
        due = [change for change in changes if change.is_due(now) and not change.overdue(now)]
        moved = [self._move(each, each, ChangeState.CHECKING, ("due", {})) for each in due]
        return tuple(filter(None, moved))

    def reschedule(
        self, change_id: str, operator: Operator, at: datetime, interface: str
    ) -> Change:
        """
        Move a scheduled change to the time `at`: allowed to its requester and to its approvers.

        Approvals are for a time: when the requester moves it, they have to be given again.
        """
        check_time(at, self.runner.clock.now())
        for _ in range(_TRIES):
            change = self.store.get(change_id)
            if change is None or change.scheduled_at is None:
                raise UsageError(f"There is no scheduled change '{change_id}'")
            own = change.requester.same_as(operator)
            self._refuse(change, operator, own=own)
            again = own and change.required > 0
            after = change.model_copy(
                update={"scheduled_at": at, "closed_by": "", "opens_at": None}
            )
            if again:
                after = after.model_copy(update={"approvals": (), "approvers": ()})
                after = after.model_copy(update=waiting_fields(self.runner, after))
            if change.required:
                after = after.model_copy(update={"expires_at": at})
            missing = after.missing_approvals > 0
            state = ChangeState.AWAITING_APPROVAL if missing else ChangeState.SCHEDULED
            note: Note = (
                "rescheduled",
                {"by": operator.name, "interface": interface, "why": f"for {iso_time(at)}"},
            )
            moved = self._move(change, after, state, note)
            if moved:
                return moved
        raise ConflictError(f"Change {change_id} is being changed by other processes: try again")

    def _refuse(self, change: Change, operator: Operator, *, own: bool) -> None:
        now = self.runner.clock.now()
        found = closed(change, "its time cannot be changed")
        if change.state in _WAITING and not change.overdue(now):
            if own:
                return
            target = self.runner.path.environment(change.target)
            rights, directory = self.runner.rights, self.runner.directory
            found = may_decide(change, operator, target, rights, "reschedule", directory, now)
        if found.blocks:
            raise first_error([found]) or PromotionError(found.reason)

    def _move(self, before: Change, after: Change, state: ChangeState, note: Note) -> Change | None:
        moved = after.moved(state, updated_at=self.runner.clock.now())
        return move(self.runner, self.store, before, moved, note)
