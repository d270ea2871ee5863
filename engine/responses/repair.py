"""The answer of a repair of a ledger."""

from typing import Self

from pydantic import Field

from engine.domain.audit import LedgerRepair
from engine.responses.common import AnchorText, Error, RecordId, Response, Success, TraceId


class RepairResponse(Response):
    """The answer of `audit repair`."""

    success: Success = Field(description="whether no problem stays")
    dry_run: bool = Field(description="whether nothing was changed")
    environment: str | None = Field(description="environment of the ledger")
    tags: tuple[str, ...] = Field(description="removed tags: put back, unless it is a dry run")
    problems: tuple[str, ...] = Field(description="why something was not put back")
    repair_id: RecordId
    anchor: AnchorText
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, found: LedgerRepair, trace_id: str, *, dry_run: bool) -> Self:
        entry = found.entry
        return cls.build(
            success=not found.problems,
            dry_run=dry_run,
            environment=found.environment,
            tags=tuple(map(str, found.restored)),
            problems=found.problems,
            repair_id=entry.record.id if entry else None,
            anchor=entry.anchor if entry else None,
            trace_id=trace_id,
        )
