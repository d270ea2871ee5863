"""The answer about the statements of runnable versions in an environment."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from engine.attestation.current import CURRENT, CurrentPredicate
from engine.attestation.statement import predicate_type
from engine.domain.record_base import DigestText, UtcTime
from engine.responses.common import Error, Response, Success, TraceId, Warnings


class StatedVersion(Response):
    """An artifact that may run."""

    version: str = Field(description="version of the artifact")
    digest: DigestText = Field(description="digest of the artifact")


class StatementInfo(Response):
    """One statement, attached to all its artifacts."""

    environment: str = Field(description="the environment")
    predicate_type: str = Field(description="type of the statement, as `--type` of cosign")
    entry: str = Field(description="ledger entry that brought the version that runs")
    current: StatedVersion = Field(description="the version that runs")
    also: tuple[StatedVersion, ...] = Field(description="earlier versions that may also run")
    issued_at: UtcTime = Field(description="time of the signature")
    valid_until: UtcTime = Field(description="end of its validity")

    @classmethod
    def of(cls, stated: CurrentPredicate) -> Self:
        return cls.build(
            environment=stated.environment,
            predicate_type=predicate_type(CURRENT, stated.environment),
            entry=f"{stated.environment}#{stated.entry.sequence} {stated.entry.digest}",
            current=stated.current,
            also=stated.also,
            issued_at=stated.issued_at,
            valid_until=stated.valid_until,
        )


class StatementsResponse(Response):
    """The answer of `platform attest`."""

    success: Success = Field(description="whether the statements were issued")
    statements: tuple[StatementInfo, ...] = Field(description="the statements")
    warnings: Warnings
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, stated: Iterable[CurrentPredicate], warnings: Iterable[str], trace_id: str) -> Self:
        return cls.build(
            success=True,
            statements=tuple(map(StatementInfo.of, stated)),
            warnings=tuple(warnings),
            trace_id=trace_id,
        )
