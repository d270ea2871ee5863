"""The answers about checkpoints and exports of the ledgers."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from engine.domain.tlog.checkpoint import Checkpoint
from engine.domain.tlog.note import SignedNote, encode_base64
from engine.responses.common import Error, Response, Success, TraceId


class CheckpointInfo(Response):
    """One checkpoint."""

    origin: str = Field(description="name of the log: host, repository and environment")
    size: int = Field(description="number of entries")
    root: str = Field(description="root of their Merkle tree, in base64")
    note: str | None = Field(description="signed checkpoint, as C2SP defines it")
    refusals: dict[str, str] = Field(description="reason why a witness did not sign, by its name")

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        note: SignedNote | None = None,
        refusals: dict[str, str] | None = None,
    ) -> Self:
        return cls.build(
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=encode_base64(checkpoint.root),
            note=str(note) if note else None,
            refusals=refusals or {},
        )


class CheckpointsResponse(Response):
    """The answer of `audit checkpoint`."""

    success: Success = Field(description="whether every checkpoint was made and cosigned")
    checkpoints: tuple[CheckpointInfo, ...] = Field(description="the checkpoints")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, made: Iterable[CheckpointInfo], trace_id: str) -> Self:
        checkpoints = tuple(made)
        complete = not any(each.refusals for each in checkpoints)
        return cls.build(success=complete, checkpoints=checkpoints, trace_id=trace_id)


class ExportResponse(Response):
    """The answer of `audit export`."""

    success: Success
    directory: str | None = Field(description="directory of the export")
    checkpoints: tuple[CheckpointInfo, ...] = Field(description="the exported logs")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(cls, directory: str, exported: Iterable[Checkpoint], trace_id: str) -> Self:
        checkpoints = tuple(CheckpointInfo.of(each) for each in exported)
        return cls.build(
            success=True, directory=directory, checkpoints=checkpoints, trace_id=trace_id
        )
