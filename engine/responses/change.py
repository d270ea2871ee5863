"""The answer about a change: a promotion, rollback or waiver from its request to its end."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue

from engine.domain.approval_rules import RuleState
from engine.domain.change import OPEN, Change, ChangeState
from engine.domain.change_facts import Ended, Fingerprint, Person
from engine.domain.errors import ApprovalPendingError, PromotionError
from engine.domain.operator import IdentitySource
from engine.domain.overrides import Overrides
from engine.domain.record import Previous
from engine.domain.record_base import ApprovalRecord, DigestText, TraceText, UtcTime, is_unset
from engine.domain.result import Ending
from engine.domain.waiver import WaiverTerms
from engine.responses.common import (
    AnchorText,
    Changes,
    Document,
    Error,
    ErrorInfo,
    Findings,
    Gates,
    Impact,
    Replication,
    Response,
    Signature,
    Success,
    TraceId,
    Warnings,
    fields_of_previous,
)

_OUTCOMES = {
    ChangeState.PROMOTED: Ending.PROMOTED,
    ChangeState.AWAITING_APPROVAL: Ending.PENDING,
    ChangeState.SCHEDULED: Ending.PENDING,
    ChangeState.CHECKING: Ending.PENDING,
    ChangeState.EXECUTING: Ending.PENDING,
    ChangeState.BLOCKED: Ending.BLOCKED,
}


class PersonInfo(Response):
    """A person or workload, as identified at the time of the request."""

    name: str
    id: str
    source: IdentitySource
    verified: bool
    groups: tuple[str, ...]
    names: tuple[str, ...]
    claimed: tuple[str, ...]
    doubt: str

    @classmethod
    def of(cls, person: Person) -> Self:
        """Sets are sorted, so that equal changes give equal documents."""
        sets = {name: sorted(getattr(person, name)) for name in ("groups", "names", "claimed")}
        return cls.model_validate(dict(person) | sets)


class ChangeResponse(Response):
    """A change, open or ended; also the answer of `waive`, `approve`, `reject` and `cancel`."""

    success: Success
    outcome: Annotated[
        Ending | Literal["rejected", "cancelled"], Field(description="result of the request")
    ]
    change_id: str = Field(description="ID of the change (c-…)")
    product: str | None = Field(description="name of the product; null with a single manifest")
    action: str = Field(description="promote, rollback or waive")
    version: str = Field(description="version to move to, or vulnerability to waive")
    source: str | None = Field(description="environment the version comes from")
    target: str = Field(description="environment that the change writes to")
    reason: str | None = Field(description="reason of a rollback or waiver, as given")
    quarantine: bool = Field(
        default=True,
        exclude_if=bool,
        description="false if the version that a rollback leaves is not quarantined; else absent",
    )
    overrides: Overrides = Field(description="allow_older, override_rollback and the reason")
    waiver: WaiverTerms | None = Field(
        default=None,
        exclude_if=lambda terms: terms is None,
        description="vulnerability, package and end of a waiver; absent in other changes",
    )
    interface: str = Field(description="interface of the request: slack, web, cli, api or python")
    trace_id: TraceText = Field(description="trace ID of the first request")
    state: ChangeState = Field(description="state of the change")
    revision: int = Field(description="grows by one with every change of state")
    created_at: UtcTime = Field(description="time of the request")
    updated_at: UtcTime = Field(description="time of the last change of state")
    expires_at: UtcTime | None = Field(description="end of the time for approvals")
    scheduled_at: UtcTime | None = Field(
        default=None, exclude_if=is_unset, description="time at which it is carried out"
    )
    closed_by: str = Field(
        default="", exclude_if=is_unset, description="freeze window that holds it back"
    )
    digest: DigestText | None = Field(description="digest of the artifact")
    required: int = Field(description="number of approvals by other people that are required")
    groups: tuple[str, ...] | None = Field(description="groups whose members may approve")
    approvals: tuple[ApprovalRecord, ...] = Field(description="approvals given so far")
    rules: tuple[RuleState, ...] = Field(
        default=(), exclude_if=is_unset, description="rules of approvals, and who fills each"
    )
    escalates_at: UtcTime | None = Field(
        default=None, exclude_if=is_unset, description="time from which more groups may approve"
    )
    escalates_to: tuple[str, ...] = Field(
        default=(), exclude_if=is_unset, description="groups that may approve from then on"
    )
    fingerprint: Fingerprint | None = Field(description="facts that the approvers agree to")
    findings: Findings
    gate_results: Gates
    signature: Signature
    impact: Impact
    delta: Changes = None
    policy_digest: str | None = Field(description="digest of the configuration it was checked with")
    previous: Previous | None = Field(description="version and digest that ran before")
    warnings: Warnings
    registry_sync: Replication
    record_id: str | None = Field(description="ID of the record, once the change took effect")
    anchor: AnchorText
    artifact_tag: str | None = Field(description="the immutable tag of the record")
    recorded_at: UtcTime | None = Field(description="time of the record")
    unchanged: bool = Field(description="whether an earlier run had taken effect already")
    ended: Ended | None = Field(description="reason why it ended without effect")
    superseded_by: str | None = Field(description="ID of the newer change that replaced it")
    context: dict[str, JsonValue] = Field(description="the origin of the request")
    requester: PersonInfo = Field(description="person or workload that asked")
    missing_approvals: int = Field(description="number of approvals that are still missing")
    error: Error

    @classmethod
    def of(cls, change: Change) -> Self:
        error = error_of(change)
        # Fields that only the engine needs are not answered.
        kept = Change.model_fields.keys() & cls.model_fields.keys() - {"product", "requester"}
        return cls.build(
            **{name: getattr(change, name) for name in kept},
            success=change.state is ChangeState.PROMOTED,
            outcome=_OUTCOMES.get(change.state, Ending.FAILED),
            change_id=change.id,
            product=change.product or None,
            requester=PersonInfo.of(change.requester),
            missing_approvals=change.missing_approvals,
            error=ErrorInfo.of(error) if error else None,
        )

    @classmethod
    def of_decision(cls, change: Change, outcome: Literal["rejected", "cancelled"]) -> Self:
        """The answer to `reject` or `cancel`: the end that was asked for is a success."""
        asked_for = {"success": True, "outcome": outcome, "error": None}
        return cls.of(change).model_copy(update=asked_for)

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def quarantined(self) -> str | None:
        """The version that this rollback quarantined."""
        held = self.success and not self.unchanged and self.quarantine
        left = self.previous if held and self.action == "rollback" else None
        return left.version if left and left.digest != self.digest else None

    def shared_fields(self, done: Ending) -> Document:
        """The fields that the answers to a promotion and to a rollback share."""
        outcome = done if self.outcome is Ending.PROMOTED else self.outcome
        took_effect = self.success and not self.unchanged
        return {
            "success": self.success,
            "outcome": Ending.UNCHANGED if self.success and self.unchanged else outcome,
            "change_id": self.change_id or None,
            "artifact_digest": self.digest,
            **fields_of_previous(self.previous),
            "operator": self.requester.name,
            "authorized_via": _authorized_via(self),
            "impact_analysis": self.impact,
            "delta": self.delta,
            "approvals_missing": self.missing_approvals if self.open else 0,
            "tags": [self.artifact_tag, f"latest-{self.target}"] if took_effect else [],
            "findings": self.findings,
            "signature": self.signature,
            "registry_sync": self.registry_sync,
            "warnings": self.warnings,
            # The record has the trace ID of the first request, too.
            "trace_id": self.trace_id,
            "anchor": self.anchor,
            "error": self.error,
        }


class TimelineEvent(Response):
    """One event of a change."""

    at: UtcTime
    kind: str
    details: dict[str, JsonValue]


class ChangeTimelineResponse(ChangeResponse):
    """A change and its events."""

    timeline: tuple[TimelineEvent, ...] = Field(description="events of the change, oldest first")

    @classmethod
    def of_events(cls, change: Change, events: Iterable[object]) -> Self:
        return cls.build(**dict(ChangeResponse.of(change)), timeline=tuple(events))


class ChangesResponse(Response):
    """The answer of `changes`."""

    success: Success
    changes: tuple[ChangeResponse, ...] = Field(description="the changes, newest first")
    trace_id: TraceId
    error: Error

    @classmethod
    def failed(cls, error: PromotionError, trace_id: str) -> Self:
        return cls.build(changes=(), trace_id=trace_id, error=ErrorInfo.of(error))


class GateOutputResponse(Response):
    """The output of a gate."""

    success: Success
    id: str = Field(description="ID of the change, or trace ID of the run")
    gate: str = Field(description="name of the gate")
    output: str = Field(description="text that the gate printed, at most 64 KiB")
    trace_id: TraceId
    error: Error


def error_of(change: Change) -> PromotionError | None:
    """The reason why a change has not taken effect; None when it has."""
    if change.state is ChangeState.PROMOTED:
        return None
    details = {"change_id": change.id, "state": change.state.value} if change.id else {}
    if change.ended is not None:
        return change.ended.as_error(details)
    if change.state is ChangeState.SCHEDULED and change.scheduled_at:
        return ApprovalPendingError(
            f"Change {change.id} is scheduled for {change.scheduled_at:%Y-%m-%d %H:%M} UTC. "
            f"To stop it: floe platform cancel {change.id}",
            details,
        )
    if not change.missing_approvals:
        return ApprovalPendingError(
            f"Change {change.id} is under way ({change.state}): look again in a moment", details
        )
    return ApprovalPendingError(
        f"Change {change.id} waits for {change.missing_approvals} of {change.required} "
        f"approvals{_open_rules(change)}. Another person can run: floe platform approve "
        f"{change.id}",
        details,
    )


def _open_rules(change: Change) -> str:
    rules = "; ".join(rule.described for rule in change.open_rules)
    return f" ({rules})" if rules else ""


def _authorized_via(change: ChangeResponse) -> str | None:
    """The reason of the authorization check, unless it blocked."""
    found = (f for f in change.findings if f.check == "authorization" and f.outcome != "blocked")
    return next((finding.reason or None for finding in found), None)
