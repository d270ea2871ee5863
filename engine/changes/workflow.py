"""Check changes, and execute them once they are approved."""

import logging
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from engine.changes.approvals import keep_valid_approvals, waiting_fields
from engine.changes.direct import refused_state
from engine.changes.fingerprint import (
    differences_of,
    expired,
    fields_of_plan,
    fields_of_record,
    fingerprint_of,
    request_of,
    stale,
    superseded,
    superseded_warnings,
)
from engine.changes.gate_events import GateEventRecorder
from engine.changes.heartbeat import Claim
from engine.changes.moves import move
from engine.changes.scheduling import extend_deadline, ready_state, refuse_early
from engine.context.deployment import drift_warnings
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended
from engine.domain.errors import (
    ApprovalPendingError,
    EnvironmentLockedError,
    ExpiredError,
    PromotionError,
    StaleError,
    StoreUnavailableError,
    UnavailableError,
)
from engine.domain.finding import Finding, Outcome
from engine.domain.ledger import LedgerEntry
from engine.domain.operator import Operator
from engine.domain.plan import UNVERIFIED, Action, Effect, GateMode, Plan
from engine.domain.record import AnyRecord
from engine.domain.release_errors import WindowClosedError
from engine.domain.result import Result
from engine.execution.recovery import find_entry
from engine.execution.runner import Runner
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# An execution that keeps failing for this long has failed.
GIVE_UP = timedelta(hours=24)


@dataclass(frozen=True)
class Progression:
    """
    Moves changes that need work.

    It can run again after a crash: a check is repeated, an execution completes the recorded change.
    `regroup` reads the current groups of a person, `configuration` returns the digest of a target's
    current rules. A worker that lost its `claim` gets ClaimLostError.
    """

    runner: Runner
    store: ChangeStore
    configuration: Callable[[str], str]
    regroup: Callable[[Operator], Operator]
    claim: Claim | None = None

    def settle(self, change: Change, progress: Progress) -> Change:
        """Work on `change` until it ends or needs approval."""
        while change.state in (ChangeState.CHECKING, ChangeState.EXECUTING):
            change = self.advance(change, progress)
        return change

    def advance(self, change: Change, progress: Progress) -> Change:
        """
        Move `change` one step.

        If the registry does not answer, an execution stays open and the error is raised: it may be
        half done, which only a repetition finds out.
        """
        if change.state is ChangeState.CHECKING:
            if self._overdue(change):
                return self._end(change, ChangeState.EXPIRED, expired(change))
            return self._check(change, GateEventRecorder(self.store, change, progress, self.claim))
        if change.state is ChangeState.EXECUTING:
            return self._carry_out(change, progress)
        return change

    def _check(self, change: Change, progress: Progress) -> Change:
        try:
            plan = self.runner.plan(request_of(change), progress)
            drift = () if plan.error else self._drift(change)
        except StoreUnavailableError:
            # Says nothing about the change: it is checked again once the store answers.
            raise
        except PromotionError as error:
            return self._end(change, ChangeState.FAILED, error)
        judged = change.model_copy(update=fields_of_plan(plan))
        if self._overdue(change):
            return self._end(judged, ChangeState.EXPIRED, expired(change))
        if plan.error:
            return self._end(judged, refused_state(plan.error), plan.error)
        if plan.effect is Effect.NOTHING:
            return self._done(judged.model_copy(update={"unchanged": True}), plan.committed)
        if change.fingerprint is not None:
            return self._execute_scheduled(judged, plan)
        fingerprint = fingerprint_of(plan, self.configuration(change.target))
        checked = {"fingerprint": fingerprint, "warnings": (*judged.warnings, *drift)}
        judged = judged.model_copy(update=checked)
        if not plan.approvals_required:
            state = ready_state(judged, self.runner.clock.now())
            return self._move(judged, state, "checked")
        return self._ask(judged, plan.approvals_required)

    def _execute_scheduled(self, judged: Change, plan: Plan) -> Change:
        """Carry out a change whose time has come, if it is still the one that was agreed to."""
        differences = differences_of(judged, plan, self.configuration(judged.target))
        if differences:
            return self._end(judged, ChangeState.STALE, stale(judged, differences))
        return self._move(judged, ready_state(judged, self.runner.clock.now()), "checked")

    def _drift(self, change: Change) -> tuple[str, ...]:
        target = self.runner.path.environment(change.target)
        return drift_warnings(target, self.runner.path, self.runner.registry, self.runner.ledger)

    def _ask(self, change: Change, required: int) -> Change:
        """Wait for approvals, and supersede older changes of this environment."""
        target = self.runner.path.environment(change.target)
        newer = next((c for c in self._competing(change) if _order(c) > _order(change)), None)
        if newer:
            return self._supersede(change, newer)
        asked = self._move(
            change,
            ChangeState.AWAITING_APPROVAL,
            "awaiting_approval",
            required=required,
            groups=target.approvals.approvers or None,
            expires_at=change.scheduled_at
            or self.runner.clock.now() + timedelta(seconds=target.approvals.expires_after_seconds),
            **waiting_fields(self.runner, change),
        )
        return self._supersede_older(asked)

    def _supersede_older(self, asked: Change) -> Change:
        """Keep only the newest pending change of an environment, also if several arrive at once."""
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
            if self._overdue(change) and find_entry(self.runner, change) is None:
                return self._end(change, ChangeState.EXPIRED, expired(change))
            plan = self._plan_execution(change)
            result = self.runner.execute(
                plan, progress, lambda renewed: self._guard(change, renewed)
            )
            if isinstance(result.error, UnavailableError):
                # The guard could not ask, or could not renew the claim: nothing was decided.
                raise result.error
        except PromotionError as error:
            if error.retryable and self.runner.clock.now() - change.updated_at < GIVE_UP:
                raise
            return self._end(change, ChangeState.FAILED, error)
        if result.error is None:
            warnings = dict.fromkeys((*change.warnings, *result.warnings))
            synced = {"warnings": tuple(warnings), "registry_sync": result.registry_sync}
            return self._done(change.model_copy(update=synced), result.record, result.entry)
        return self._refused(change, result)

    def _plan_execution(self, change: Change) -> Plan:
        """
        Plan the execution of a checked change.

        Gate and signature results are reused; the policy is judged again with the requester's
        current groups.
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
            scan=b64decode(change.scan) if change.scan else None,
            signature=change.signature or UNVERIFIED,
        )

    def _guard(self, change: Change, plan: Plan) -> Plan:
        """Under the lease, refuse a plan that was not checked, and keep only valid approvals."""
        self._renew_claim()
        differences = differences_of(change, plan, self.configuration(change.target))
        if plan.effect is Effect.CHANGE:
            refuse_early(change, self.runner.clock.now())
            if self._overdue(change):
                raise expired(change)
            if differences:
                raise stale(change, differences)
        return replace(plan, approvals=self._keep_valid_approvals(change).approvals)

    def _keep_valid_approvals(self, change: Change) -> Change:
        return keep_valid_approvals(self.runner, change, self.regroup)

    def _overdue(self, change: Change) -> bool:
        return change.overdue(self.runner.clock.now())

    def _refused(self, change: Change, result: Result) -> Change:
        entry = find_entry(self.runner, change)
        if entry is not None:
            return self._done(change, entry.record, entry)
        error = result.error or PromotionError("refused without a reason")
        match error:
            case StaleError():
                return self._end(change, ChangeState.STALE, error)
            case ExpiredError():
                return self._end(change, ChangeState.EXPIRED, error)
            case EnvironmentLockedError() | WindowClosedError() if change.required:
                return self._hold_back(change, error)
            case ApprovalPendingError():
                lost = extend_deadline(self._keep_valid_approvals(change))
                return self._move(lost, ChangeState.AWAITING_APPROVAL, "approval_lost", str(error))
            case _:
                return self._end(change, ChangeState.BLOCKED, error)

    def _hold_back(self, change: Change, error: PromotionError) -> Change:
        """Wait until the environment opens, at most until the last approval is an hour old."""
        kind, why, window = "locked", str(error), ""
        opens_at = error.details.get("opens_at") or error.details.get("expires_at")
        if isinstance(error, WindowClosedError):
            kind, window = "closed", str(error.details.get("window") or "")
            why = f"{why}. Its approval expires {change.deadline:%Y-%m-%d %H:%M} UTC"
        waits = ChangeState.AWAITING_APPROVAL
        return self._move(change, waits, kind, why, closed_by=window, opens_at=opens_at)

    def _renew_claim(self) -> None:
        """Called before each effect; ClaimLostError when another worker has the change."""
        if self.claim is not None:
            self.claim.renew()

    def _done(
        self, change: Change, record: AnyRecord | None, entry: LedgerEntry | None = None
    ) -> Change:
        return self._move(
            change, ChangeState.PROMOTED, "promoted", **fields_of_record(record, entry)
        )

    def _supersede(self, change: Change, by: Change) -> Change:
        fields = {"ended": Ended.of(superseded(by)), "superseded_by": by.id}
        return self._move(change, ChangeState.SUPERSEDED, "superseded", by.version, **fields)

    def _end(self, change: Change, state: ChangeState, error: PromotionError) -> Change:
        return self._move(change, state, state.value, str(error), ended=Ended.of(error))

    def _move(
        self, change: Change, state: ChangeState, kind: str, why: str = "", **fields: Any
    ) -> Change:
        """Move `change`; if another process moved it first, return its version."""
        self._renew_claim()
        moved = change.moved(state, updated_at=self.runner.clock.now(), **fields)
        details: Mapping[str, JsonValue] = {"why": why} if why else {}
        done = move(self.runner, self.store, change, moved, (kind, details))
        return done or self.store.get(change.id) or change


def _competes(other: Change, change: Change) -> bool:
    """Whether `other` is another version that waits for the same environment; no waiver is."""
    return (
        other.id != change.id
        and other.state is ChangeState.AWAITING_APPROVAL
        and other.version != change.version
        and not (other.waiver or change.waiver)
    )


def _order(change: Change) -> tuple[datetime, str]:
    return change.created_at, change.id
