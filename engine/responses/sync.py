"""The answer of `sync`."""

from typing import Self

from pydantic import Field

from engine.domain.mirroring import EnvironmentSync, SyncReport, SyncStatus
from engine.responses.common import Error, ErrorInfo, Response, Success, TraceId


class SyncRow(Response):
    """One environment on one secondary registry."""

    registry: str = Field(description="name of the secondary registry")
    environment: str = Field(description="name of the environment")
    status: SyncStatus = Field(description="in_sync, repaired or failed")
    changed: tuple[str, ...] = Field(description="tags and referrers that were written")
    bytes_sent: int = Field(description="bytes of blobs that were copied")
    errors: tuple[str, ...] = Field(description="why something is still missing")

    @classmethod
    def of(cls, row: EnvironmentSync) -> Self:
        return cls(
            registry=row.registry,
            environment=row.environment,
            status=row.status,
            changed=row.changed,
            bytes_sent=row.sent,
            errors=tuple(map(str, row.errors)),
        )


class SyncResponse(Response):
    """The answer of `sync`."""

    success: Success = Field(description="whether every secondary registry has everything now")
    registries: tuple[SyncRow, ...] = Field(description="each environment on each registry")
    relisted: int = Field(description="records added again to the list of referrers")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, report: SyncReport, trace_id: str) -> Self:
        error = report.error
        return cls(
            success=error is None,
            registries=tuple(map(SyncRow.of, report.environments)),
            relisted=report.relisted,
            trace_id=trace_id,
            error=ErrorInfo.of(error) if error else None,
        )
