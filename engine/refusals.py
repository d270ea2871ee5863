"""Refused attempts on record: once an hour, with their number (FR-048, FR-052)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.finding import Finding
from engine.domain.plan import GateMode, Plan
from engine.domain.record import RefusalRecord
from engine.domain.request import PromotionRequest, RollbackRequest
from engine.ports import Due, Tally
from engine.runs import Runs

_log = logging.getLogger(__name__)

# The checks that say who may do what, and when.
RULES = frozenset({"lock", "authorization", "separation_of_duties"})
_BETWEEN_RECORDS = timedelta(hours=1)
# Where nothing was counted (CI with a fresh state directory), as many records are looked through.
_LOOK_BACK = 10
_NOBODY = "unverified"


@dataclass(frozen=True)
class Refusals:
    """Puts refused requests on record in their target's ledger, after they were answered."""

    runs: Runs
    tally: Tally

    def note(self, plan: Plan) -> None:
        """
        Record what `plan` was refused for, if it was submitted and nothing stands for it yet.

        Best effort: raises nothing. Whoever asked was answered, and is refused either way.
        """
        if plan.mode is GateMode.LIST:
            return
        for finding in _refused(plan):
            try:
                self._note(plan, finding)
            except PromotionError as error:
                _log.info("the refusal by %s is not on record: %s", finding.check, error)

    def _note(self, plan: Plan, finding: Finding) -> None:
        now, kind = self.runs.clock.now(), self._kind(plan, finding)
        try:
            due = self.tally.add(kind, now)
        except StoreUnavailableError as error:
            _log.debug("asking the ledger instead: %s", error)
            due = Due(1, known=False)
        if due is None:
            return
        standing = None if due.known else self._on_record(plan, finding, now)
        if standing:
            self._keep(kind, 0, standing.refused_at)
            return
        record = _record(plan, finding, due.count, now)
        self.runs.append(record)
        self._keep(kind, due.count, now)

    def _kind(self, plan: Plan, finding: Finding) -> str:
        """What shares a record. Names nobody vouches for are free, so all of them share one."""
        operator = plan.request.operator
        who = operator.name if operator.verified else _NOBODY
        return f"{self.runs.registry.reference} {plan.request.target} {finding.check} {who}"

    def _on_record(self, plan: Plan, finding: Finding, now: datetime) -> RefusalRecord | None:
        """The record of the last hour that stands for this attempt too."""
        newest = self.runs.ledger.history(plan.request.target, _LOOK_BACK)
        for record in (entry.record for entry in newest):
            if (
                isinstance(record, RefusalRecord)
                and record.rule == finding.check
                and now - record.refused_at < _BETWEEN_RECORDS
                and self._same_person(plan, record)
            ):
                return record
        return None

    def _same_person(self, plan: Plan, record: RefusalRecord) -> bool:
        operator = plan.request.operator
        if not operator.verified:
            return not record.identity_verified
        known = self.runs.directory.person(record.operator)
        return record.identity_verified and known == operator.name

    def _keep(self, kind: str, count: int, at: datetime) -> None:
        try:
            self.tally.recorded(kind, count, at)
        except StoreUnavailableError as error:
            _log.debug("not counted: %s", error)


def _refused(plan: Plan) -> Iterator[Finding]:
    """The rules that refuse, once each."""
    seen: set[str] = set()
    for finding in plan.blockers:
        if finding.check in RULES - seen:
            seen.add(finding.check)
            yield finding


def _record(plan: Plan, finding: Finding, count: int, now: datetime) -> RefusalRecord:
    request = plan.request
    operator = request.operator
    version = None
    if isinstance(request, PromotionRequest | RollbackRequest):
        version = str(request.version)
    return RefusalRecord(
        refusal_id=uuid4(),
        environment=request.target,
        action=plan.action.value,
        rule=finding.check,
        message=finding.reason,
        version=version,
        artifact_digest=str(plan.manifest.digest) if plan.manifest else None,
        count=count,
        refused_at=now,
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        trace_id=request.trace_id,
        policy_digest=plan.policy_digest,
    )
