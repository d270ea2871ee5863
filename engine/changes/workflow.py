"""Work on a change: check it, and carry it out once it is decided."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from engine.changes.fingerprint import (
    differences_of,
    expired,
    fingerprint_of,
    judged_of,
    recorded_of,
    request_of,
    stale,
    superseded,
    superseded_warnings,
)
from engine.changes.gate_events import Noted
from engine.changes.heartbeat import Claim
from engine.checks.approval import approver_via
from engine.context.deployment import drift_warnings
from engine.domain.change import Change, ChangeState, Ended
from engine.domain.errors import (
    ApprovalPendingError,
    EnvironmentLockedError,
    ExpiredError,
    IdentityUnavailableError,
    PromotionError,
    StaleError,
    StoreUnavailableError,
)
from engine.domain.finding import Finding, Outcome
from engine.domain.operator import Operator
from engine.domain.plan import UNVERIFIED, Action, Effect, GateMode, Plan
from engine.domain.record import AnyRecord
from engine.domain.result import Result
from engine.execution.audit_reports import report_change
from engine.execution.recovery import find_record
from engine.execution.runner import Runs
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# Decided in the end whatever happens: an execution nobody could finish in this time has failed.
GIVE_UP = timedelta(hours=24)


@dataclass(frozen=True)
class Progression:
    """
    Moves changes that need work. Run again after a crash it ends the same: checking runs anew,
    carrying out completes what is on record.

    `regroup` reads the groups of somebody again; `configuration` is the digest of a target's
    rules as they are now. A worker that lost its `claim` gets ClaimLostError.
    """

    runs: Runs
    store: ChangeStore
    configuration: Callable[[str], str]
    regroup: Callable[[Operator], Operator]
    claim: Claim | None = None

    def settle(self, change: Change, progress: Progress) -> Change:
        """Work on `change` until it has ended or waits for somebody."""
        while change.state in (ChangeState.CHECKING, ChangeState.EXECUTING):
            change = self.advance(change, progress)
        return change

    def advance(self, change: Change, progress: Progress) -> Change:
        """
        One move. When the registry does not answer, an execution stays where it is and the error
        is raised: it may be half done, and only repeating it can tell.
        """
        if change.state is ChangeState.CHECKING:
            if self._overdue(change):
                return self._end(change, ChangeState.EXPIRED, expired(change))
            return self._check(change, Noted(self.store, change, progress, self.claim))
        if change.state is ChangeState.EXECUTING:
            return self._carry_out(change, progress)
        return change

    def _check(self, change: Change, progress: Progress) -> Change:
        try:
            plan = self.runs.plan(request_of(change), progress)
            drift = () if plan.error else self._drift(change)
        except StoreUnavailableError:
            # Says nothing about the change: it is checked again once that can be kept.
            raise
        except PromotionError as error:
            return self._end(change, ChangeState.FAILED, error)
        judged = change.model_copy(update=judged_of(plan))
        if self._overdue(change):
            return self._end(judged, ChangeState.EXPIRED, expired(change))
        if plan.error:
            overtaken = isinstance(plan.error, StaleError)
            state = ChangeState.STALE if overtaken else ChangeState.BLOCKED
            return self._end(judged, state, plan.error)
        if plan.effect is Effect.NOTHING:
            return self._done(judged.model_copy(update={"unchanged": True}), plan.committed)
        fingerprint = fingerprint_of(plan, self.configuration(change.target))
        told = {"fingerprint": fingerprint, "warnings": (*judged.warnings, *drift)}
        judged = judged.model_copy(update=told)
        if not plan.approvals_required:
            return self._move(judged, ChangeState.EXECUTING, "checked")
        return self._ask(judged, plan.approvals_required)

    def _drift(self, change: Change) -> tuple[str, ...]:
        target = self.runs.path.environment(change.target)
        return drift_warnings(target, self.runs.path, self.runs.registry, self.runs.ledger)

    def _ask(self, change: Change, required: int) -> Change:
        """Wait for approvals, in place of whatever else waited for this environment."""
        target = self.runs.path.environment(change.target)
        newer = next((c for c in self._competing(change) if _order(c) > _order(change)), None)
        if newer:
            return self._supersede(change, newer)
        asked = self._move(
            change,
            ChangeState.AWAITING_APPROVAL,
            "awaiting_approval",
            required=required,
            groups=tuple(sorted(target.approvals.groups or ())) or None,
            expires_at=self.runs.clock.now()
            + timedelta(seconds=target.approvals.expires_after_seconds),
        )
        return self._alone(asked)

    def _alone(self, asked: Change) -> Change:
        """The newest stays, also of several that come to wait at the same moment."""
        if asked.state is not ChangeState.AWAITING_APPROVAL:
            return asked
        superseded: list[Change] = []
        for other in self._competing(asked):
            if _order(other) > _order(asked):
                return self._supersede(asked, other)
            superseded.append(self._supersede(other, asked))
        warned = superseded_warnings(asked, superseded)
        if warned == asked.warnings:
            return asked
        return self._move(asked, asked.state, "superseding", warnings=warned)

    def _competing(self, change: Change) -> list[Change]:
        return [c for c in self.store.open(change.target) if _competes(c, change)]

    def _carry_out(self, change: Change, progress: Progress) -> Change:
        try:
            if self._overdue(change) and find_record(self.runs, change) is None:
                return self._end(change, ChangeState.EXPIRED, expired(change))
            plan = self._planned(change)
            result = self.runs.execute(plan, progress, lambda renewed: self._bound(change, renewed))
            if isinstance(result.error, IdentityUnavailableError):
                raise result.error
        except PromotionError as error:
            if error.retryable and self.runs.clock.now() - change.updated_at < GIVE_UP:
                raise
            return self._end(change, ChangeState.FAILED, error)
        if result.error is None:
            told = dict.fromkeys((*change.warnings, *result.warnings))
            synced = {"warnings": tuple(told), "registry_sync": result.registry_sync}
            return self._done(change.model_copy(update=synced), result.record)
        return self._refused(change, result)

    def _planned(self, change: Change) -> Plan:
        """
        The plan of a change that was checked: its evidence holds, its policy is judged again, for
        a requester in the groups they are in now.
        """
        evidence = {result.gate.value for result in change.gate_results} | {"signature"}
        asked = request_of(change)
        return Plan(
            action=Action(change.action),
            request=replace(asked, operator=self.regroup(asked.operator)),
            mode=GateMode.RUN,
            policy=(),
            evidence=tuple(
                Finding(found.check, Outcome(found.outcome), found.reason)
                for found in change.findings
                if found.check in evidence
            ),
            policy_digest=change.policy_digest or "",
            gate_results=change.gate_results,
            signature=change.signature or UNVERIFIED,
        )

    def _bound(self, change: Change, plan: Plan) -> Plan:
        """Under the lease: what is written is what was checked, by those who still may agree."""
        self._renew_claim()
        differences = differences_of(change, plan, self.configuration(change.target))
        if plan.effect is Effect.CHANGE:
            if self._overdue(change):
                raise expired(change)
            if differences:
                raise stale(change, differences)
        return replace(plan, approvals=self._counting(change).approvals)

    def _counting(self, change: Change) -> Change:
        """
        The change with those approvals only whose givers may still give them, one of each person
        and none of the requester: aliases may have been added since.
        """
        target = self.runs.path.environment(change.target)
        requester = change.requester.operator
        counted = [requester, self.regroup(requester)]
        pairs = []
        for given, person in zip(change.approvals, change.approvers, strict=True):
            giver = (person.operator, self.regroup(person.operator))
            repeated = any(one.same_as(other) for one in giver for other in counted)
            if not repeated and approver_via(giver[1], target, self.runs.rights):
                pairs.append((given, person))
                counted += giver
        return change.model_copy(
            update={
                "approvals": tuple(given for given, _ in pairs),
                "approvers": tuple(person for _, person in pairs),
            }
        )

    def _overdue(self, change: Change) -> bool:
        return change.overdue(self.runs.clock.now())

    def _refused(self, change: Change, result: Result) -> Change:
        record = find_record(self.runs, change)
        if record is not None:
            return self._done(change, record)
        error = result.error or PromotionError("refused without a reason")
        match error:
            case StaleError():
                return self._end(change, ChangeState.STALE, error)
            case ExpiredError():
                return self._end(change, ChangeState.EXPIRED, error)
            case EnvironmentLockedError() if change.required:
                return self._move(change, ChangeState.AWAITING_APPROVAL, "locked", str(error))
            case ApprovalPendingError():
                lost = self._counting(change)
                return self._move(lost, ChangeState.AWAITING_APPROVAL, "approval_lost", str(error))
            case _:
                return self._end(change, ChangeState.BLOCKED, error)

    def _renew_claim(self) -> None:
        """Called before each effect; ClaimLostError when another worker has the change."""
        if self.claim is not None:
            self.claim.renew()

    def _done(self, change: Change, record: AnyRecord | None) -> Change:
        return self._move(change, ChangeState.PROMOTED, "promoted", **recorded_of(record))

    def _supersede(self, change: Change, by: Change) -> Change:
        fields = {"ended": Ended.of(superseded(by)), "superseded_by": by.id}
        return self._move(change, ChangeState.SUPERSEDED, "superseded", by.version, **fields)

    def _end(self, change: Change, state: ChangeState, error: PromotionError) -> Change:
        return self._move(change, state, state.value, str(error), ended=Ended.of(error))

    def _move(
        self, change: Change, state: ChangeState, kind: str, why: str = "", **fields: Any
    ) -> Change:
        """The moved change; what somebody else made of it when they were faster."""
        self._renew_claim()
        moved = change.moved(state, updated_at=self.runs.clock.now(), **fields)
        details: Mapping[str, JsonValue] = {"why": why} if why else {}
        if self.store.move(change, moved, [(kind, details)]):
            report_change(self.runs, moved)
            return moved
        return self.store.get(change.id) or change


def _competes(other: Change, change: Change) -> bool:
    """Another version that waits for the same environment; versions are promoted one at a time."""
    return (
        other.id != change.id
        and other.state is ChangeState.AWAITING_APPROVAL
        and other.version != change.version
    )


def _order(change: Change) -> tuple[datetime, str]:
    return change.created_at, change.id
