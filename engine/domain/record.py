"""
The records of the ledger, schema version 2 (docs/schema/record-v2.json).

Records are frozen, survive a round trip through JSON unchanged, and are closed: an unknown field
is an error. Times are UTC, digests `sha256:…`, durations milliseconds, ids UUIDs.
"""

from operator import not_
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter

from engine.domain.gate import GateResult
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.overrides import Override
from engine.domain.record_base import ApprovalRecord, DigestText, Record, UtcTime, Value, is_unset
from engine.domain.release_records import (
    BreakGlass,
    ReleaseRecord,
    ReviewRecord,
    UnwaiveRecord,
    WaiveRecord,
)
from engine.domain.upkeep_records import (
    AcknowledgeRecord,
    RepairRecord,
    RestoreRecord,
    RotateRecord,
)


class Previous(Value):
    """The version that ran in the environment before."""

    version: str
    digest: DigestText


class SignatureStatus(Value):
    """The result of signature verification; `mode` is the kind of signature."""

    enforcement: Literal["off", "warn", "enforce"]
    mode: Literal["none", "key", "keyless"] = "none"
    issuer: str | None = None
    subject: str | None = None
    fingerprint: str | None = None
    problem: str | None = None

    @property
    def verified(self) -> bool:
        return self.mode != "none" and self.problem is None


class RegistrySync(Value):
    """How one secondary registry ended up."""

    registry: str
    status: Literal["synced", "failed"]
    digest: DigestText | None = None
    error: str | None = None


class PromotionRecord(Record):
    """
    FR-027; `requested_at` is when floe accepted a request that it carried out later.

    `sources` lists each environment that had to have the artifact, where there were several.
    """

    kind: Literal["promotion"] = "promotion"
    promotion_id: UUID
    artifact_digest: DigestText
    artifact_tag: str
    version: str
    source_environment: str
    sources: tuple[str, ...] = Field(default=(), exclude_if=not_)
    target_environment: str
    gate_results: tuple[GateResult, ...]
    signature_verified: bool
    signature_status: SignatureStatus
    authorization_passed: bool
    authorized_via: str
    approvals: tuple[ApprovalRecord, ...] = ()
    requested_at: UtcTime | None = None
    promoted_at: UtcTime
    dry_run: bool = False
    registry_sync: tuple[RegistrySync, ...] = ()
    warnings: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    impact_analysis: ImpactAnalysis | None = None
    previous: Previous | None = None
    break_glass: BreakGlass | None = Field(default=None, exclude_if=is_unset)

    _id_field: ClassVar[str] = "promotion_id"
    _time_field: ClassVar[str] = "promoted_at"
    _environment_field: ClassVar[str] = "target_environment"


class RollbackRecord(Record):
    """
    FR-017; `requested_at` as in a promotion.

    `quarantine` says whether the version that was left is quarantined; None in older records.
    """

    kind: Literal["rollback"] = "rollback"
    rollback_id: UUID
    artifact_digest: DigestText
    artifact_tag: str
    version: str
    environment: str
    previous_digest: DigestText | None = None
    previous_version: str | None = None
    quarantine: bool | None = Field(default=None, exclude_if=lambda value: value is None)
    reason: str
    signature_verified: bool
    signature_status: SignatureStatus
    authorization_passed: bool
    authorized_via: str
    approvals: tuple[ApprovalRecord, ...] = ()
    requested_at: UtcTime | None = None
    rolled_back_at: UtcTime
    registry_sync: tuple[RegistrySync, ...] = ()
    warnings: tuple[str, ...] = ()
    impact_analysis: ImpactAnalysis | None = None
    break_glass: BreakGlass | None = Field(default=None, exclude_if=is_unset)

    _id_field: ClassVar[str] = "rollback_id"
    _time_field: ClassVar[str] = "rolled_back_at"


class LockRecord(Record):
    """FR-035; `expires_at` ends the lock by itself."""

    kind: Literal["lock"] = "lock"
    lock_id: UUID
    environment: str
    reason: str
    locked_at: UtcTime
    expires_at: UtcTime | None = None

    _id_field: ClassVar[str] = "lock_id"
    _time_field: ClassVar[str] = "locked_at"


class UnlockRecord(Record):
    """FR-037; `locked_by` and `locked_reason` are those of the lock that ended."""

    kind: Literal["unlock"] = "unlock"
    unlock_id: UUID
    environment: str
    reason: str
    locked_by: str
    locked_reason: str
    authorized_via: str
    unlocked_at: UtcTime

    _id_field: ClassVar[str] = "unlock_id"
    _time_field: ClassVar[str] = "unlocked_at"


class RefusalRecord(Record):
    """FR-048, FR-052: an attempt a rule refused; `count` stands for equal ones in its hour."""

    kind: Literal["refusal"] = "refusal"
    refusal_id: UUID
    environment: str
    action: str
    rule: str
    message: str
    version: str | None = None
    artifact_digest: DigestText | None = None
    count: int = Field(default=1, ge=1)
    refused_at: UtcTime

    _id_field: ClassVar[str] = "refusal_id"
    _time_field: ClassVar[str] = "refused_at"


class RejectionRecord(Record):
    """An approver's no; `operator` is who said it."""

    kind: Literal["rejection"] = "rejection"
    rejection_id: UUID
    change_id: str
    environment: str
    action: str
    version: str
    artifact_digest: DigestText
    requested_by: str
    reason: str
    interface: str
    rejected_at: UtcTime

    _id_field: ClassVar[str] = "rejection_id"
    _time_field: ClassVar[str] = "rejected_at"


AnyRecord = (
    PromotionRecord
    | RollbackRecord
    | RestoreRecord
    | LockRecord
    | UnlockRecord
    | AcknowledgeRecord
    | RotateRecord
    | RepairRecord
    | WaiveRecord
    | UnwaiveRecord
    | ReleaseRecord
    | RefusalRecord
    | RejectionRecord
    | ReviewRecord
)
_ANY: TypeAdapter[AnyRecord] = TypeAdapter(
    Annotated[AnyRecord, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)
RECORD_KINDS = (
    "promotion",
    "rollback",
    "restore",
    "lock",
    "unlock",
    "acknowledge",
    "rotate",
    "repair",
    "waive",
    "unwaive",
    "release",
    "refusal",
    "rejection",
    "review",
)


def record_from_bytes(content: bytes) -> AnyRecord:
    """Parse a record from JSON; pydantic.ValidationError (a ValueError) if it is invalid."""
    return _ANY.validate_json(content)


def record_from_json(fields: dict[str, Any]) -> AnyRecord:
    """Parse a record from decoded JSON; pydantic.ValidationError if it is invalid."""
    return _ANY.validate_python(fields, strict=False)


def record_schema() -> dict[str, Any]:
    """The JSON Schema of all records, as in docs/schema/record-v2.json."""
    return _ANY.json_schema()
