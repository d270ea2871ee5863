"""A change: one promotion or rollback, from its request to its end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue
from pydantic_core import from_json, to_json

from engine.domain.error_record import restore_error
from engine.domain.errors import Details, PromotionError
from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.record import ApprovalRecord, Previous, RegistrySync, SignatureStatus
from engine.domain.record_base import TraceText, UtcTime, Value


class ChangeState(StrEnum):
    """The states of a change; `TRANSITIONS` has the moves between them."""

    CHECKING = "checking"
    BLOCKED = "blocked"
    AWAITING_APPROVAL = "awaiting_approval"
    EXECUTING = "executing"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    STALE = "stale"
    FAILED = "failed"
    CANCELLED = "cancelled"


# The time in which floe must carry out a change that waits for no person: a request that is
# carried out days later would undo newer changes.
LIFETIME = timedelta(hours=1)
OPEN = frozenset({ChangeState.CHECKING, ChangeState.AWAITING_APPROVAL, ChangeState.EXECUTING})
WORKED_ON = frozenset({ChangeState.CHECKING, ChangeState.EXECUTING})
# All other moves are defects, and `Change.moved` refuses them.
TRANSITIONS: dict[ChangeState, frozenset[ChangeState]] = {
    ChangeState.CHECKING: frozenset(
        {
            ChangeState.BLOCKED,
            ChangeState.AWAITING_APPROVAL,
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
            ChangeState.EXECUTING,
            ChangeState.REJECTED,
            ChangeState.EXPIRED,
            ChangeState.SUPERSEDED,
            ChangeState.STALE,
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
            # An approval no longer counts, or the target is locked: the change waits again.
            ChangeState.AWAITING_APPROVAL,
        }
    ),
}


class Person(Value):
    """An operator as stored in a change; rights are read again before anything is written."""

    name: str
    id: str
    source: IdentitySource
    verified: bool
    groups: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    doubt: str = ""

    @classmethod
    def of(cls, operator: Operator) -> "Person":
        return cls(
            name=operator.name,
            id=operator.id,
            source=operator.source,
            verified=operator.verified,
            groups=frozenset(operator.groups),
            names=frozenset(operator.names),
            claimed=frozenset(operator.claimed),
            doubt=operator.doubt,
        )

    @property
    def operator(self) -> Operator:
        return Operator(
            self.name,
            self.id,
            self.source,
            self.verified,
            self.groups,
            self.names,
            self.claimed,
            self.doubt,
        )

    def same_as(self, operator: Operator) -> bool:
        """Whether both are one person, also by an alias that is newer than the change."""
        return self.operator.same_as(operator)


class Fingerprint(Value):
    """
    The facts that approvers agree to; a change becomes stale when one of them differs.

    The sequence of the ledger, locks, refusals, group members and durations are not part of it.
    `configuration` is the digest of the target's effective configuration, `verdicts` the status
    of every gate and of the signature, `rolled_back` describes a rollback of the source from the
    version.
    """

    digest: str
    action: str
    version: str
    source: str | None
    target: str
    running_version: str | None
    running_digest: str | None
    configuration: str
    verdicts: dict[str, str] = Field(default_factory=dict)
    rolled_back: str | None = None

    def differences(self, other: "Fingerprint") -> tuple[str, ...]:
        """List the fields that differ in `other`, each with the agreed and the found value."""
        return tuple(_differences(self.model_dump(), other.model_dump()))


class StoredFinding(Value):
    """A finding as it is stored in a change."""

    check: str
    outcome: str
    reason: str


class Ended(Value):
    """The error that ended a change; `by` and `interface` name the person and interface, if any."""

    reason_code: str
    message: str
    exit_code: int
    by: str | None = None
    interface: str | None = None
    # The class of the error; changes that ended under earlier versions of floe may lack it.
    error: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @classmethod
    def of(
        cls, error: PromotionError, operator: Operator | None = None, interface: str | None = None
    ) -> "Ended":
        """The end of a change in `error`, decided by `operator` if given."""
        return cls(
            reason_code=error.reason_code,
            message=str(error),
            exit_code=error.exit_code,
            by=operator.name if operator else None,
            interface=interface,
            error=error.kind,
            details=from_json(to_json(error.details, fallback=str)),
        )

    def as_error(self, details: Details) -> PromotionError:
        """The error again, with `details` added to its own."""
        return restore_error(
            self.error, self.reason_code, self.exit_code, self.message, self.details | dict(details)
        )


class Change(Value):
    """
    A request with its state and its outcome.

    `id` is empty for a change that no store keeps. `revision` grows by one with every move, and
    moves are compare-and-swap on (state, revision). `record_id`, `anchor`, `artifact_tag` and
    `recorded_at` come from the committed record once the change took effect; `unchanged` means that
    an earlier run had done it. Durations are seconds, times UTC.
    """

    id: str
    action: str
    version: str
    source: str | None
    target: str
    reason: str | None = None
    overrides: Overrides = NO_OVERRIDES
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
    fingerprint: Fingerprint | None = None
    findings: tuple[StoredFinding, ...] = ()
    gate_results: tuple[GateResult, ...] = ()
    signature: SignatureStatus | None = None
    impact: ImpactAnalysis | None = None
    policy_digest: str | None = None
    previous: Previous | None = None
    warnings: tuple[str, ...] = ()
    registry_sync: tuple[RegistrySync, ...] = ()
    record_id: str | None = None
    anchor: str | None = None
    artifact_tag: str | None = None
    recorded_at: UtcTime | None = None
    unchanged: bool = False
    ended: Ended | None = None
    superseded_by: str | None = None
    context: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def missing_approvals(self) -> int:
        return max(0, self.required - len(self.approvals))

    def approved_by(self, operator: Operator) -> bool:
        return any(person.same_as(operator) for person in self.approvers)

    @property
    def deadline(self) -> datetime | None:
        """
        The time at which it expires; None for a change that ended.

        It is `expires_at` while approvals are missing, otherwise an hour after the last approval,
        or after the request where no approval is needed.
        """
        if not self.open:
            return None
        if self.state is ChangeState.AWAITING_APPROVAL and self.missing_approvals:
            return self.expires_at
        accepted = max((given.approved_at for given in self.approvals), default=self.created_at)
        return accepted + LIFETIME

    def overdue(self, now: datetime) -> bool:
        """Whether its deadline has passed, even if its state does not say so yet."""
        return self.deadline is not None and now >= self.deadline

    def moved(self, state: ChangeState, **changes: Any) -> "Change":
        """Copy the change into `state`; ValueError for a move that TRANSITIONS does not list."""
        if state is not self.state and state not in TRANSITIONS.get(self.state, frozenset()):
            raise ValueError(f"change {self.id}: {self.state} never becomes {state}")
        fields = changes | {"state": state, "revision": self.revision + 1}
        return Change.model_validate(dict(self) | fields)


def _differences(agreed: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name, value in agreed.items():
        other = found[name]
        if value == other:
            continue
        if isinstance(value, dict):
            for key in sorted(value.keys() | other.keys()):
                if value.get(key) != other.get(key):
                    yield f"{name}.{key}: {_format_difference(value.get(key), other.get(key))}"
        else:
            yield f"{name}: {_format_difference(value, other)}"


def _format_difference(agreed: str | None, found: str | None) -> str:
    return f"{agreed or 'nothing'} -> {found or 'nothing'}"
