"""The answer to systems that deploy: whether an artifact may run in an environment."""

from typing import Self

from pydantic import Field

from engine.domain.hand_off import Verdict
from engine.domain.record_base import DigestText, UtcTime
from engine.responses.common import RecordId, Response


class VerdictResponse(Response):
    """The verdict of an environment's ledger about an artifact. Nothing unknown is true."""

    environment: str = Field(description="name of the environment")
    digest: DigestText = Field(description="digest of the artifact")
    promoted: bool = Field(
        description="whether a promotion or rollback brought it there; false if the ledger cannot "
        "be read"
    )
    current: bool | None = Field(
        description="whether it should run there now; null if the ledger cannot be read"
    )
    quarantined: bool | None = Field(
        description="whether it is quarantined there; null if the ledger cannot be read"
    )
    version: str | None = Field(description="version of the artifact, as the record names it")
    record: RecordId = Field(
        description="ID of the newest record that brought it there; null without one"
    )
    reasons: tuple[str, ...] = Field(
        description="sentences that speak against it; empty for an artifact that should run"
    )
    read_at: UtcTime | None = Field(description="time at which the ledger was read")

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        return cls(
            environment=verdict.environment,
            digest=str(verdict.digest),
            promoted=verdict.promoted,
            current=verdict.current,
            quarantined=verdict.quarantined,
            version=verdict.version,
            record=verdict.record,
            reasons=verdict.reasons,
            read_at=verdict.at,
        )
