"""Records of upkeep: of tags, numbers and keys."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from engine.domain.public_key import MAX_KEYS, PublicKey
from engine.domain.record_base import DigestText, Record, UtcTime


class RestoreRecord(Record):
    """
    `latest` was put back to `artifact_digest`, which the ledger says, from `previous_digest`, where
    it had been moved outside floe (None: it had been removed).
    """

    kind: Literal["restore"] = "restore"
    restore_id: UUID
    environment: str
    version: str
    artifact_digest: DigestText
    previous_version: str | None = None
    previous_digest: DigestText | None = None
    reason: str = ""
    authorization_passed: bool
    authorized_via: str
    restored_at: UtcTime

    _id_field: ClassVar[str] = "restore_id"
    _time_field: ClassVar[str] = "restored_at"


class AcknowledgeRecord(Record):
    """
    An operator looked at number `void_sequence`; its content `void_digest` does not count.

    Other content at the number is not acknowledged.
    """

    kind: Literal["acknowledge"] = "acknowledge"
    acknowledge_id: UUID
    environment: str
    void_sequence: int = Field(ge=1)
    void_digest: DigestText
    reason: str
    authorized_via: str
    acknowledged_at: UtcTime

    _id_field: ClassVar[str] = "acknowledge_id"
    _time_field: ClassVar[str] = "acknowledged_at"


class RotateRecord(Record):
    """Later entries count if a key of `added` signed them, and not if one of `retired` did."""

    kind: Literal["rotate"] = "rotate"
    rotate_id: UUID
    environment: str
    added: tuple[PublicKey, ...] = Field(default=(), max_length=MAX_KEYS)
    retired: tuple[PublicKey, ...] = Field(default=(), max_length=MAX_KEYS)
    reason: str = ""
    authorized_via: str
    rotated_at: UtcTime

    _id_field: ClassVar[str] = "rotate_id"
    _time_field: ClassVar[str] = "rotated_at"


class RepairRecord(Record):
    """`tags` of the ledger had been removed outside floe, and were put back."""

    kind: Literal["repair"] = "repair"
    repair_id: UUID
    environment: str
    tags: tuple[str, ...] = Field(min_length=1)
    reason: str
    repaired_at: UtcTime

    _id_field: ClassVar[str] = "repair_id"
    _time_field: ClassVar[str] = "repaired_at"
