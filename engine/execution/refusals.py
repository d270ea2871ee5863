"""Record refused attempts once an hour, with their number (FR-048, FR-052)."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from engine.domain.audit import LEDGERED_RULES, RULE_OF
from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.finding import Finding, Outcome
from engine.domain.names import canonical_name
from engine.domain.operator import Operator
from engine.domain.plan import Plan
from engine.domain.record import RefusalRecord
from engine.domain.record_header import record_header
from engine.domain.request import LockRequest, Request
from engine.execution.runner import Runner
from engine.ports import DueAttempts, RefusalCounter

_log = logging.getLogger(__name__)
_BETWEEN_RECORDS = timedelta(hours=1)
# How many records are read if no counts are stored, as in CI with a new state directory.
_LOOK_BACK = 10
_UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempted change; `refusals` maps each rule that refused it to its message."""

    action: str
    environment: str
    version: str | None
    digest: str | None
    operator: Operator
    trace_id: str
    refusals: dict[str, str]


def attempt_of(refused: Plan | Change) -> Attempt:
    """The attempt behind a plan or a change; without refusals if no rule refused it."""
    return attempt_of_plan(refused) if isinstance(refused, Plan) else attempt_of_change(refused)


def attempt_of_plan(plan: Plan) -> Attempt:
    """The attempt behind the `plan` of a lock, unlock or restore."""
    request = plan.request
    return Attempt(
        action=plan.action.value,
        environment=request.target,
        version=None,
        digest=str(plan.manifest.digest) if plan.manifest else None,
        operator=request.operator,
        trace_id=request.trace_id,
        refusals={
            found.check: found.reason
            for found in plan.blockers
            if found.check in LEDGERED_RULES and not _repeats_lock(request, found)
        },
    )


def _repeats_lock(request: Request, found: Finding) -> bool:
    """Whether the lock that refuses `request` is the one it asks for, taken by an earlier try."""
    if not isinstance(request, LockRequest) or found.check != "lock":
        return False
    held = found.details
    return held.get("operator") in request.operator.identities and (
        held.get("reason") == request.reason
    )


def attempt_of_change(change: Change) -> Attempt:
    """The attempt behind `change`; only a blocked change has refusals."""
    return Attempt(
        action=change.action,
        environment=change.target,
        version=change.version,
        digest=change.digest,
        operator=change.requester.operator,
        trace_id=change.trace_id,
        refusals=_refusals(change) if change.state is ChangeState.BLOCKED else {},
    )


def _refusals(change: Change) -> dict[str, str]:
    """The rules that blocked `change` when it was checked, or else when it was executed."""
    found = {
        f.check: f.reason
        for f in change.findings
        if f.outcome == Outcome.BLOCKED and f.check in LEDGERED_RULES
    }
    ended = change.ended
    if not found and ended and ended.reason_code in RULE_OF:
        return {RULE_OF[ended.reason_code]: ended.message}
    return found


@dataclass(frozen=True)
class Refusals:
    """Records refused attempts in the ledger of their target, after the response was sent."""

    runner: Runner
    tally: RefusalCounter

    def note(self, attempt: Attempt) -> None:
        """
        Record the refusals of `attempt` that no record covers yet.

        Best effort: it raises nothing, because the attempt is refused with or without a record.
        """
        for rule in attempt.refusals:
            try:
                self._note(attempt, rule)
            except PromotionError as error:
                _log.info("refusal by %s not recorded: %s", rule, error)

    def _note(self, attempt: Attempt, rule: str) -> None:
        now, kind = self.runner.clock.now(), self._rate_limit_key(attempt, rule)
        try:
            due = self.tally.add(kind, now)
        except StoreUnavailableError as error:
            _log.debug("refusal count unavailable, reading the ledger instead: %s", error)
            due = DueAttempts(1, known=False)
        if due is None:
            return
        standing = None if due.known else self._on_record(attempt, rule, now)
        if standing:
            self._keep(kind, 0, standing.refused_at)
            return
        self.runner.append(self._record(attempt, rule, due.count, now))
        self._keep(kind, due.count, now)

    def _rate_limit_key(self, attempt: Attempt, rule: str) -> str:
        """Unverified names can be chosen freely, so they share one key."""
        operator = attempt.operator
        who = canonical_name(operator.name) if operator.verified else _UNVERIFIED
        return f"{self.runner.registry.reference} {attempt.environment} {rule} {who}"

    def _on_record(self, attempt: Attempt, rule: str, now: datetime) -> RefusalRecord | None:
        """The record of the last hour that covers this attempt too."""
        newest = self.runner.ledger.history(attempt.environment, _LOOK_BACK)
        for record in (entry.record for entry in newest):
            if (
                isinstance(record, RefusalRecord)
                and record.rule == rule
                and now - record.refused_at < _BETWEEN_RECORDS
                and self._same_person(attempt.operator, record)
            ):
                return record
        return None

    def _same_person(self, operator: Operator, record: RefusalRecord) -> bool:
        if not operator.verified:
            return not record.identity_verified
        known = self.runner.directory.names_of(record.operator)
        return record.identity_verified and operator.name in known

    def _keep(self, kind: str, count: int, at: datetime) -> None:
        try:
            self.tally.recorded(kind, count, at)
        except StoreUnavailableError as error:
            _log.debug("refusal not counted: %s", error)

    def _record(self, attempt: Attempt, rule: str, count: int, now: datetime) -> RefusalRecord:
        operator = attempt.operator
        return RefusalRecord(
            refusal_id=uuid4(),
            environment=attempt.environment,
            action=attempt.action,
            rule=rule,
            message=attempt.refusals[rule],
            version=attempt.version,
            artifact_digest=attempt.digest,
            count=count,
            refused_at=now,
            **record_header(operator, attempt.trace_id, self.runner.policy.digest),
        )
