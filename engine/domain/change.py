"""A change in flight: one promotion or rollback from its request to its end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.record import (
    ApprovalRecord,
    Previous,
    RegistrySync,
    SignatureStatus,
    TraceText,
    UtcTime,
    Value,
)


class ChangeState(StrEnum):
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


# How long floe may take over what needs nobody else: a request carried out days later would undo
# what has been done since.
LIFETIME = timedelta(hours=1)
OPEN = frozenset({ChangeState.CHECKING, ChangeState.AWAITING_APPROVAL, ChangeState.EXECUTING})
# Every move there is; anything else is a defect and is refused by the store's caller.
MOVES: dict[ChangeState, frozenset[ChangeState]] = {
    ChangeState.CHECKING: frozenset(
        {
            ChangeState.BLOCKED,
            ChangeState.AWAITING_APPROVAL,
            ChangeState.EXECUTING,
            # It was promoted already.
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
            # An approval that stopped counting, or a lock: the change waits again.
            ChangeState.AWAITING_APPROVAL,
        }
    ),
}


class Person(Value):
    """Somebody as established then; what they may is read again before anything is written."""

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
        """Whether they are one person, also where manifest.yaml gave a name only since then."""
        return self.operator.same_as(operator)


class Fingerprint(Value):
    """
    What a change is checked as, and approvers agree to. A difference makes it stale;
    the ledger's sequence, locks, refusals, group members and durations are not part of it.

    `configuration` is the digest of the target's effective configuration, `verdicts` the status
    of every gate and of the signature, `rolled_back` who rolled the source back from the version.
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
        """The fields in which `other` is not what was agreed to, each with both values."""
        return tuple(_differences(self.model_dump(), other.model_dump()))


class FoundRecord(Value):
    """A finding, as the store keeps it."""

    check: str
    outcome: str
    reason: str


class Ended(Value):
    """Why a change ended without its effect, or how it failed; `by` where somebody decided."""

    reason_code: str
    message: str
    exit_code: int
    by: str | None = None
    face: str | None = None
    # Of the error it ended with, if it was one.
    error: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)


class Change(Value):
    """
    One request and what became of it.

    `revision` grows by one with every move, and moves are compare-and-swap on (state, revision).
    `record_id` is the committed record once it took effect, `artifact_tag` and `recorded_at` what
    that record says; `unchanged` when an earlier run had done it. Durations are seconds, times UTC.
    """

    id: str
    action: str
    version: str
    source: str | None
    target: str
    reason: str | None = None
    overrides: Overrides = NO_OVERRIDES
    requester: Person
    face: str
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
    # Whoever gave them, in the same order: membership is read again before anything is written.
    approvers: tuple[Person, ...] = ()
    fingerprint: Fingerprint | None = None
    findings: tuple[FoundRecord, ...] = ()
    gate_results: tuple[GateResult, ...] = ()
    signature: SignatureStatus | None = None
    impact: ImpactAnalysis | None = None
    policy_digest: str | None = None
    previous: Previous | None = None
    warnings: tuple[str, ...] = ()
    registry_sync: tuple[RegistrySync, ...] = ()
    record_id: str | None = None
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
        When it expires: at `expires_at` while it waits for approvals, otherwise an hour after the
        last approval, or after the request where none is needed.
        """
        if not self.open:
            return None
        if self.state is ChangeState.AWAITING_APPROVAL and self.missing_approvals:
            return self.expires_at
        accepted = max((given.approved_at for given in self.approvals), default=self.created_at)
        return accepted + LIFETIME

    def overdue(self, now: datetime) -> bool:
        """Whether its deadline has passed, even where nobody noted that yet."""
        return self.deadline is not None and now >= self.deadline

    def moved(self, state: ChangeState, **changes: Any) -> "Change":
        """The change after a move to `state`; ValueError for a move there is not."""
        if state is not self.state and state not in MOVES.get(self.state, frozenset()):
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
                    yield f"{name}.{key}: {_move(value.get(key), other.get(key))}"
        else:
            yield f"{name}: {_move(value, other)}"


def _move(agreed: str | None, found: str | None) -> str:
    return f"{agreed or 'nothing'} -> {found or 'nothing'}"
