"""The fields and types that all records share."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from engine.domain.canonical import canonical_json
from engine.domain.operator import IdentitySource

DigestText = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
TraceText = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def in_utc(time: datetime) -> datetime:
    """Convert `time` to UTC; ValueError if it is then outside the years 1 to 9999."""
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


UtcTime = Annotated[AwareDatetime, AfterValidator(in_utc)]


def is_unset(value: object) -> bool:
    """Whether a field that older records lack is omitted from JSON: it is None or empty."""
    return value is None or value in ("", ())


class Value(BaseModel):
    """A frozen model that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ApprovalRecord(Value):
    """
    An approval: the approver, the time and the interface (slack, web, cli).

    `groups` are those by which the approver fills rules. A delegate approves in place of the person
    `delegated_by`. `operator_names` are as in `Record`.
    """

    operator: str
    operator_id: str
    identity_source: IdentitySource
    authorized_via: str
    approved_at: UtcTime
    interface: str
    groups: tuple[str, ...] = Field(default=(), exclude_if=is_unset)
    delegated_by: str | None = Field(default=None, exclude_if=is_unset)
    operator_names: tuple[str, ...] = Field(default=(), exclude_if=is_unset)

    @property
    def by(self) -> str:
        """The approver; a delegate is named with the person they stand in for."""
        return f"{self.operator} for {self.delegated_by}" if self.delegated_by else self.operator


class Record(Value):
    """
    The fields of every record, among them those of `RecordHeader`.

    `operator_names` are further names of the operator that the sign-in verified, such as an e-mail
    address, if aliases do not lead to them.
    """

    # The annotation prefix is dev.floe.<kind>., the artifactType application/vnd.floe.<kind>.v1.
    kind: str
    schema_version: Literal[2] = 2
    operator: str
    operator_id: str
    identity_source: IdentitySource
    identity_verified: bool
    trace_id: TraceText
    policy_digest: DigestText
    operator_names: tuple[str, ...] = Field(default=(), exclude_if=is_unset)
    # The repository of the ledger; None for records that only an audit backend has.
    repository: str | None = None
    # The audit backend that stored a copy before the record took effect.
    copied_to: str | None = None

    _id_field: ClassVar[str]
    _time_field: ClassVar[str]
    _environment_field: ClassVar[str] = "environment"

    @property
    def id(self) -> str:
        return str(getattr(self, self._id_field))

    @property
    def at(self) -> datetime:
        at: datetime = getattr(self, self._time_field)
        return at

    @property
    def ledger(self) -> str:
        """The environment whose ledger has the record."""
        return str(getattr(self, self._environment_field))

    @property
    def subject_digest(self) -> str | None:
        """The digest of the record's artifact; None for locks and unlocks."""
        digest: str | None = getattr(self, "artifact_digest", None)
        return digest

    @property
    def subject_version(self) -> str | None:
        """The version of the record's artifact; None for records about none."""
        version: str | None = getattr(self, "version", None)
        return version

    def to_bytes(self) -> bytes:
        """Serialize to canonical JSON, so that equal records have equal digests."""
        return canonical_json(self.model_dump(mode="json"))
