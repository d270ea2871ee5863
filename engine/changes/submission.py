"""Turn a request into a change: a new one, or the open change its operator may join."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from engine.changes.fingerprint import change_of
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended, StoredFinding
from engine.domain.errors import AuthorizationError, ConflictError, PromotionError
from engine.domain.finding import Finding, first_error
from engine.domain.product import UNNAMED
from engine.domain.request import ChangeRequest
from engine.domain.text import iso_time
from engine.execution.audit_reports import report_change
from engine.execution.runner import Runner
from engine.ports import NO_PROGRESS
from engine.ports.change_store import ChangeStore, Note


@dataclass(frozen=True)
class Submission:
    """
    One request. `context` belongs to the interface: a Slack channel, for example. `refused` is
    called with a change that was blocked here.
    """

    runner: Runner
    store: ChangeStore
    request: ChangeRequest
    interface: str
    key: str | None
    context: dict[str, Any]
    refused: Callable[[Change], None]
    product: str = UNNAMED

    def submit(self) -> Change:
        """
        Add the change, or join the one that is open or known under the key. A break-glass joins
        only one for the same incident.

        The rights of the operator are judged first: an operator without them gets a change of
        their own, which is blocked from the start, so that no other request joins it.
        """
        now, new_id = self.runner.clock.now(), f"c-{secrets.token_hex(4)}"
        change = change_of(self.request, self.interface, now, new_id, self.context, self.product)
        found = self.runner.authorize(self.request)
        if found.blocks:
            return self._refuse(change, found)
        submitted: Note = ("submitted", {"by": self.request.operator.name})
        kept = self.store.add(change, self.key, [submitted])
        if kept.id != change.id and not kept.requester.same_as(self.request.operator):
            refusal = self._find_join_refusal()
            if refusal:
                return self._refuse(change, refusal)
        _refuse_other_overrides(change, kept)
        _refuse_other_terms(change, kept)
        return kept

    def _find_join_refusal(self) -> Finding | None:
        """The permission rule that keeps this operator from joining another person's request."""
        plan = self.runner.plan_policy_only(self.request, NO_PROGRESS)
        rights = (f for f in plan.blockers if f.error and issubclass(f.error, AuthorizationError))
        return next(rights, None)

    def _refuse(self, change: Change, found: Finding) -> Change:
        error = first_error([found]) or PromotionError(found.reason)
        said = StoredFinding(check=found.check, outcome=found.outcome.value, reason=found.reason)
        refused = change.model_copy(
            update={"state": ChangeState.BLOCKED, "ended": Ended.of(error), "findings": (said,)}
        )
        by: dict[str, JsonValue] = {"by": self.request.operator.name}
        notes: list[Note] = [("submitted", by), ("blocked", {"why": str(error)})]
        # The key of a refusal is its own: the answer changes once the operator has the right.
        kept = self.store.add(refused, f"refused {self.key}" if self.key else None, notes)
        if kept.id == refused.id:
            report_change(self.runner, kept)
            self.refused(kept)
        return kept


def _refuse_other_overrides(asked: Change, kept: Change) -> None:
    if asked.scheduled_at != kept.scheduled_at:
        when = f"for {iso_time(kept.scheduled_at)}" if kept.scheduled_at else "without a time"
        raise ConflictError(
            f"Change {kept.id} of {kept.version} to {kept.target} is open {when}: cancel it first "
            f"(floe platform cancel {kept.id})"
        )
    if asked.quarantine != kept.quarantine:
        raise ConflictError(
            f"Change {kept.id} of {kept.version} to {kept.target} is open "
            f"{'without' if kept.quarantine else 'with'} --no-quarantine: cancel it first (floe "
            f"platform cancel {kept.id})"
        )
    one, two = asked.overrides.incident, kept.overrides.incident
    if one != two:
        raise ConflictError(
            f"Change {kept.id} of {kept.version} to {kept.target} is "
            f"{f'a break-glass for {two}' if two else 'no break-glass'}: use another key"
        )
    missing = set(asked.overrides.options) - set(kept.overrides.options)
    if missing:
        raise ConflictError(
            f"Change {kept.id} of {kept.version} to {kept.target} is open without "
            f"{' and '.join(sorted(missing))}: cancel it first (floe platform cancel {kept.id})"
        )


def _refuse_other_terms(asked: Change, kept: Change) -> None:
    if not asked.waiver or not kept.waiver or asked.waiver == kept.waiver:
        return
    if kept.open:
        raise ConflictError(
            f"Change {kept.id} of {kept.version} in {kept.target} is open with another package or "
            f"end: cancel it first (floe platform cancel {kept.id})"
        )
    # A change that ended is found by the key only.
    raise ConflictError(
        f"Change {kept.id} with the same key waives {kept.waiver.shown}: use a new key for another "
        "waiver"
    )
