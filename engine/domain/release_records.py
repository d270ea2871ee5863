"""Records of the release process."""

from typing import ClassVar, Literal
from uuid import UUID

from engine.domain.record_base import ApprovalRecord, DigestText, Record, UtcTime, Value
from engine.domain.waiver import WaiverTerms


class WaiveRecord(Record):
    """`terms` hold from now on; `requested_at` is when floe accepted the request."""

    kind: Literal["waive"] = "waive"
    waive_id: UUID
    environment: str
    terms: WaiverTerms
    reason: str
    authorized_via: str
    approvals: tuple[ApprovalRecord, ...] = ()
    requested_at: UtcTime | None = None
    waived_at: UtcTime

    _id_field: ClassVar[str] = "waive_id"
    _time_field: ClassVar[str] = "waived_at"


class UnwaiveRecord(Record):
    """The waiver of `vulnerability` in `package`, by `waived_by`, ended early."""

    kind: Literal["unwaive"] = "unwaive"
    unwaive_id: UUID
    environment: str
    vulnerability: str
    package: str | None = None
    waived_by: str
    reason: str
    authorized_via: str
    unwaived_at: UtcTime

    _id_field: ClassVar[str] = "unwaive_id"
    _time_field: ClassVar[str] = "unwaived_at"


class BreakGlass(Value):
    """
    A change that skipped rules for `incident`; another person must review it until `review_by`.

    `via` is the right to do so, `skipped` has the rules that would have stopped the change.
    """

    incident: str
    reason: str
    via: str
    skipped: tuple[str, ...]
    review_by: UtcTime


class ReviewRecord(Record):
    """A person looked at the break-glass in the record `reviewed`, and accepted it or objected."""

    kind: Literal["review"] = "review"
    review_id: UUID
    environment: str
    reviewed: str
    incident: str
    accepted: bool
    reason: str
    authorized_via: str
    reviewed_at: UtcTime

    _id_field: ClassVar[str] = "review_id"
    _time_field: ClassVar[str] = "reviewed_at"


class ReleaseRecord(Record):
    """The quarantine of `version`, which a rollback of `environment` began, ended."""

    kind: Literal["release"] = "release"
    release_id: UUID
    environment: str
    version: str
    artifact_digest: DigestText
    reason: str
    authorized_via: str
    released_at: UtcTime

    _id_field: ClassVar[str] = "release_id"
    _time_field: ClassVar[str] = "released_at"
