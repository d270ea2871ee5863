"""A change: one promotion, rollback or waiver, from its request to its end."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from engine.domain.approval_rules import RuleState
from engine.domain.change_facts import Ended, Fingerprint, Person, StoredFinding
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.impact.delta import Delta
from engine.domain.names import Names
from engine.domain.operator import Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.product import UNNAMED, qualified
from engine.domain.record import Previous, RegistrySync, SignatureStatus
from engine.domain.record_base import ApprovalRecord, TraceText, UtcTime, Value, is_unset
from engine.domain.waiver import WaiverTerms


class ChangeState(StrEnum):
    """The states of a change; `TRANSITIONS` has the moves between them."""

    CHECKING = "checking"
    BLOCKED = "blocked"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    EXECUTING = "executing"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    STALE = "stale"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A change that waits for no person must end within it: days later it would undo newer ones.
LIFETIME = timedelta(hours=1)
OPEN = frozenset(
    {
        ChangeState.CHECKING,
        ChangeState.AWAITING_APPROVAL,
        ChangeState.SCHEDULED,
        ChangeState.EXECUTING,
    }
)
WORKED_ON = frozenset({ChangeState.CHECKING, ChangeState.EXECUTING})
# All other moves are defects, and `Change.moved` refuses them.
TRANSITIONS: dict[ChangeState, frozenset[ChangeState]] = {
    ChangeState.CHECKING: frozenset(
        {
            ChangeState.BLOCKED,
            ChangeState.AWAITING_APPROVAL,
            ChangeState.SCHEDULED,
            ChangeState.EXECUTING,
            # The version was promoted already.
            ChangeState.PROMOTED,
            ChangeState.EXPIRED,
            ChangeState.SUPERSEDED,
            ChangeState.STALE,
            ChangeState.CANCELLED,
            ChangeState.FAILED,
        }
    ),
    ChangeState.AWAITING_APPROVAL: frozenset(
        {
            ChangeState.SCHEDULED,
            ChangeState.EXECUTING,
            ChangeState.REJECTED,
            ChangeState.EXPIRED,
            ChangeState.SUPERSEDED,
            ChangeState.STALE,
            ChangeState.CANCELLED,
        }
    ),
    ChangeState.SCHEDULED: frozenset(
        {
            # Its time has come: everything is checked again.
            ChangeState.CHECKING,
            # It was moved to another time, for which it is not approved.
            ChangeState.AWAITING_APPROVAL,
            ChangeState.REJECTED,
            ChangeState.EXPIRED,
            ChangeState.CANCELLED,
        }
    ),
    ChangeState.EXECUTING: frozenset(
        {
            ChangeState.PROMOTED,
            ChangeState.EXPIRED,
            ChangeState.STALE,
            ChangeState.BLOCKED,
            ChangeState.FAILED,
            # An approval no longer counts, or the target is locked or closed: it waits again.
            ChangeState.AWAITING_APPROVAL,
        }
    ),
}


class Change(Value):
    """
    A request with its state and its outcome.

    The `version` of a waiver is its vulnerability.

    `id` is empty for a change that no store keeps, and `product` where there is one manifest.
    `revision` grows by one with every move, and moves are compare-and-swap on (state, revision).
    `record_id`, `anchor`, `artifact_tag` and `recorded_at` come from the committed record once the
    change took effect; `unchanged` means that an earlier run had done it. Times are UTC.
    """

    id: str
    action: str
    version: str
    source: str | None
    target: str
    reason: str | None = None
    quarantine: bool = Field(default=True, exclude_if=bool)
    overrides: Overrides = NO_OVERRIDES
    waiver: WaiverTerms | None = Field(default=None, exclude_if=lambda terms: terms is None)
    requester: Person
    interface: str
    trace_id: TraceText
    state: ChangeState = ChangeState.CHECKING
    revision: int = Field(default=1, ge=1)
    created_at: UtcTime
    updated_at: UtcTime
    expires_at: UtcTime | None = None
    digest: str | None = None
    required: int = 0
    groups: tuple[str, ...] | None = None
    approvals: tuple[ApprovalRecord, ...] = ()
    # The persons behind `approvals`, in the same order: their groups are read again before writing.
    approvers: tuple[Person, ...] = ()
    # How far each rule is filled; empty where a number of approvals is enough.
    rules: tuple[RuleState, ...] = Field(default=(), exclude_if=is_unset)
    # From `escalates_at` on, members of `escalates_to` may fill any rule.
    escalates_at: UtcTime | None = Field(default=None, exclude_if=is_unset)
    escalates_to: tuple[str, ...] = Field(default=(), exclude_if=is_unset)
    fingerprint: Fingerprint | None = None
    findings: tuple[StoredFinding, ...] = ()
    gate_results: tuple[GateResult, ...] = ()
    # The findings that a gate result names, as base64, until they are kept with the record.
    scan: str | None = Field(default=None, repr=False, exclude_if=lambda value: value is None)
    signature: SignatureStatus | None = None
    impact: ImpactAnalysis | None = None
    delta: Delta | None = Field(default=None, exclude_if=lambda value: value is None)
    policy_digest: str | None = None
    previous: Previous | None = None
    warnings: tuple[str, ...] = ()
    registry_sync: tuple[RegistrySync, ...] = ()
    record_id: str | None = None
    anchor: str | None = None
    artifact_tag: str | None = None
    recorded_at: UtcTime | None = None
    # Until when another person must review it, if it skipped rules by break-glass.
    review_by: UtcTime | None = Field(default=None, exclude_if=is_unset)
    unchanged: bool = False
    ended: Ended | None = None
    superseded_by: str | None = None
    context: dict[str, JsonValue] = Field(default_factory=dict)
    product: str = UNNAMED
    scheduled_at: UtcTime | None = Field(default=None, exclude_if=is_unset)
    # The freeze window that holds it back after its approval.
    closed_by: str = Field(default="", exclude_if=is_unset)
    # When the window or the lock that holds it back was going to end.
    opens_at: UtcTime | None = Field(default=None, exclude_if=is_unset)

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def place(self) -> str:
        """The target among the environments of all products, like `checkout/prod`."""
        return qualified(self.product, self.target)

    @property
    def missing_approvals(self) -> int:
        return max(0, self.required - len(self.approvals))

    @property
    def held_back(self) -> bool:
        """Whether it is approved, and waits until a lock or a freeze window ends."""
        approved = self.required > 0 and not self.missing_approvals
        return approved and self.state is ChangeState.AWAITING_APPROVAL

    @property
    def open_rules(self) -> tuple[RuleState, ...]:
        """The rules that need more approvals."""
        return tuple(rule for rule in self.rules if rule.missing)

    def approved_by(self, operator: Operator) -> bool:
        """Whether `operator` approved, or another person did so for them."""
        delegated = Names(given.delegated_by for given in self.approvals if given.delegated_by)
        known = any(person.same_as(operator) for person in self.approvers)
        return known or not delegated.isdisjoint(operator.identities)

    @property
    def deadline(self) -> datetime | None:
        """
        The time at which it expires; None for a change that ended.

        It is `expires_at` while approvals are missing, otherwise an hour after the last approval,
        or after the request where no approval is needed. For a scheduled change it is not before
        an hour after its time.
        """
        if not self.open:
            return None
        if self.state is ChangeState.AWAITING_APPROVAL and self.missing_approvals:
            return self.expires_at
        accepted = max((given.approved_at for given in self.approvals), default=self.created_at)
        return max(accepted, self.scheduled_at or accepted) + LIFETIME

    def is_due(self, now: datetime) -> bool:
        """Whether it is scheduled, and its time has come."""
        due = self.scheduled_at is not None and now >= self.scheduled_at
        return due and self.state is ChangeState.SCHEDULED

    def overdue(self, now: datetime) -> bool:
        """Whether its deadline has passed, even if its state does not say so yet."""
        return self.deadline is not None and now >= self.deadline

    def moved(self, state: ChangeState, **changes: Any) -> "Change":
        """Copy the change into `state`; ValueError for a move that TRANSITIONS does not list."""
        if state is not self.state and state not in TRANSITIONS.get(self.state, frozenset()):
            raise ValueError(f"change {self.id}: {self.state} never becomes {state}")
        fields = changes | {"state": state, "revision": self.revision + 1}
        if state not in OPEN:
            fields["scan"] = None
        return Change.model_validate(dict(self) | fields)
