"""The answers to a lock, an unlock, a restore, an acknowledgement and a rotation, and a review."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.domain.public_key import KeyReference, PublicKey, key_id_of
from engine.domain.record import LockRecord, UnlockRecord
from engine.domain.record_base import DigestText, UtcTime
from engine.domain.release_records import ReleaseRecord, ReviewRecord, UnwaiveRecord
from engine.domain.result import Result
from engine.domain.upkeep_records import AcknowledgeRecord, RestoreRecord, RotateRecord
from engine.responses.common import (
    AnchorText,
    AuthorizedVia,
    Document,
    Error,
    ErrorInfo,
    Findings,
    OperatorName,
    Outcome,
    RecordId,
    Response,
    Success,
    TraceId,
    Warnings,
    end_of_run,
)


@dataclass(frozen=True)
class FreezeInput:
    """
    The input of a lock, unlock, restore, acknowledgement, rotation, review or end of a waiver as
    typed; answers repeat it even when invalid. Only an acknowledgement has a `sequence`, only a
    rotation keys to add or to retire, only the end of a waiver a `vulnerability`, only a review a
    `record`, and only a release a `version`.
    """

    verb: Literal[
        "lock", "unlock", "restore", "acknowledge", "rotate", "unwaive", "review", "release"
    ]
    environment: str
    reason: str
    trace_id: str
    sequence: int | None = None
    add: tuple[PublicKey, ...] = ()
    retire: tuple[KeyReference, ...] = ()
    vulnerability: str = ""
    package: str | None = None
    record: str = ""
    accepted: bool = True
    version: str | None = None


class LockResponse(Response):
    """The answer to a lock."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment to lock")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    lock_id: RecordId
    anchor: AnchorText
    locked_at: UtcTime | None = Field(description="time of the record")
    expires_at: UtcTime | None = Field(description="end of the lock; null: until it is unlocked")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class UnlockResponse(Response):
    """The answer to an unlock."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment to unlock")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    unlock_id: RecordId
    anchor: AnchorText
    locked_by: str | None = Field(description="person or workload that had locked it")
    locked_reason: str | None = Field(description="reason of that lock")
    authorized_via: AuthorizedVia
    unlocked_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class RestoreResponse(Response):
    """The answer to a restore."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment to restore")
    reason: str = Field(description="reason as given, or empty")
    operator: OperatorName
    restore_id: RecordId
    anchor: AnchorText
    version: str | None = Field(description="version that runs there according to the ledger")
    artifact_digest: DigestText | None = Field(description="digest of that version")
    previous_version: str | None = Field(
        description="version that was deployed before, where it is known"
    )
    previous_digest: DigestText | None = Field(
        description="digest that was deployed before; null when latest-<env> was missing"
    )
    authorized_via: AuthorizedVia
    restored_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class AcknowledgeResponse(Response):
    """The answer to an acknowledgement."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment of the ledger")
    void_sequence: int = Field(description="number whose content does not count")
    void_digest: DigestText | None = Field(description="digest of that content")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    acknowledge_id: RecordId
    anchor: AnchorText
    authorized_via: AuthorizedVia
    acknowledged_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class RotateResponse(Response):
    """The answer to a rotation of the keys of one ledger."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment of the ledger")
    add: tuple[str, ...] = Field(description="IDs of the keys to trust")
    retire: tuple[str, ...] = Field(description="IDs of the keys to trust no longer")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    rotate_id: RecordId
    anchor: AnchorText
    authorized_via: AuthorizedVia
    rotated_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class UnwaiveResponse(Response):
    """The answer to the early end of a waiver."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment of the waiver")
    vulnerability: str = Field(description="ID of the vulnerability")
    package: str | None = Field(description="package of the waiver; null: every package")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    unwaive_id: RecordId
    anchor: AnchorText
    waived_by: str | None = Field(description="person or workload that had waived it")
    authorized_via: AuthorizedVia
    unwaived_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class ReviewResponse(Response):
    """The answer to the review of a break-glass."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment of the change")
    reviewed: str = Field(description="ID of the reviewed record")
    incident: str | None = Field(description="incident of the break-glass")
    accepted: bool = Field(description="false for an objection")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    review_id: RecordId
    anchor: AnchorText
    authorized_via: AuthorizedVia
    reviewed_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


class ReleaseResponse(Response):
    """The answer to a release of a quarantined version."""

    success: Success
    outcome: Outcome
    environment: str = Field(description="environment that was rolled back from the version")
    version: str = Field(description="version to release")
    artifact_digest: DigestText | None = Field(description="digest of that version")
    reason: str = Field(description="reason as given")
    operator: OperatorName
    release_id: RecordId
    anchor: AnchorText
    authorized_via: AuthorizedVia
    released_at: UtcTime | None = Field(description="time of the record")
    findings: Findings
    warnings: Warnings
    trace_id: TraceId
    error: Error


FreezeResponse = (
    LockResponse
    | UnlockResponse
    | RestoreResponse
    | AcknowledgeResponse
    | RotateResponse
    | UnwaiveResponse
    | ReviewResponse
    | ReleaseResponse
)
FREEZE_RESPONSES: dict[str, type[FreezeResponse]] = {
    "lock": LockResponse,
    "unlock": UnlockResponse,
    "restore": RestoreResponse,
    "acknowledge": AcknowledgeResponse,
    "rotate": RotateResponse,
    "unwaive": UnwaiveResponse,
    "review": ReviewResponse,
    "release": ReleaseResponse,
}


def freeze_failed(typed: FreezeInput, error: PromotionError) -> FreezeResponse:
    """The answer when the request could not be judged."""
    return FREEZE_RESPONSES[typed.verb].build(**_input(typed), error=ErrorInfo.of(error))


def freeze_response(typed: FreezeInput, result: Result) -> FreezeResponse:
    """The answer to a run of `typed`."""
    kind, plan, record = FREEZE_RESPONSES[typed.verb], result.plan, result.record
    fields = _input(typed) | end_of_run(result)
    fields |= {"operator": plan.request.operator.name, "findings": plan.findings}
    fields["anchor"] = result.entry.anchor if result.entry else None
    recorded = (
        LockRecord
        | UnlockRecord
        | RestoreRecord
        | AcknowledgeRecord
        | RotateRecord
        | UnwaiveRecord
        | ReviewRecord
        | ReleaseRecord
    )
    if isinstance(record, recorded):
        own = kind.model_fields.keys() - fields.keys() | {"reason", "operator"}
        fields |= {name: getattr(record, name) for name in own}
        fields[f"{typed.verb}_id"] = record.id
    return kind.build(**fields)


def _input(typed: FreezeInput) -> Document:
    given: Document = {} if typed.sequence is None else {"void_sequence": typed.sequence}
    if typed.verb == "unwaive":
        given = {"vulnerability": typed.vulnerability, "package": typed.package}
    if typed.verb == "release":
        given = {"version": typed.version}
    if typed.verb == "rotate":
        given = {
            "add": tuple(key.key_id for key in typed.add),
            "retire": tuple(map(key_id_of, typed.retire)),
        }
    if typed.verb == "review":
        given = {"reviewed": typed.record, "accepted": typed.accepted}
    return {
        "environment": typed.environment,
        "reason": typed.reason,
        "trace_id": typed.trace_id,
        **given,
    }
