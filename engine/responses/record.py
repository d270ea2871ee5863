"""The answers about ledger records."""

from collections.abc import Mapping
from typing import Annotated, Any, Protocol, Self, cast

from pydantic import Field, model_serializer, model_validator, with_config
from typing_extensions import TypedDict

from engine.domain.artifact import Digest
from engine.domain.record import AnyRecord, record_from_json
from engine.domain.record_base import DigestText
from engine.responses.common import Error, Response, Success, TraceId


class Entry(Protocol):
    """A record and its place in a ledger."""

    @property
    def environment(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def record(self) -> AnyRecord: ...


@with_config(extra="allow")
class FlatRecord(TypedDict):
    """A record in JSON: its place in a ledger, then its own fields (docs/schema/record-v2.json)."""

    environment: Annotated[str, Field(description="environment of the ledger")]
    sequence: Annotated[int, Field(description="place in the ledger, from 1")]
    record_digest: Annotated[DigestText, Field(description="digest of the ledger entry")]


class RecordResponse(Response):
    """A record and its place in a ledger; in JSON a `FlatRecord`."""

    environment: str
    sequence: int
    record_digest: DigestText
    record: AnyRecord

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(
            environment=entry.environment,
            sequence=entry.sequence,
            record_digest=str(entry.digest),
            record=entry.record,
        )

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, fields: Any) -> Any:
        """Separate the record from its place; a record with an unknown field is refused."""
        if not isinstance(fields, Mapping) or "record" in fields:
            return fields
        place = {name: fields.get(name) for name in _PLACE}
        own = {name: fields[name] for name in fields.keys() - {"sequence", "record_digest"}}
        if fields.get("kind") == "promotion":
            # Its own field for the environment is `target_environment`.
            own.pop("environment", None)
        return place | {"record": record_from_json(own)}

    @model_serializer
    def _flat(self) -> FlatRecord:
        place = {name: getattr(self, name) for name in _PLACE}
        return cast(FlatRecord, place | self.record.model_dump(mode="json"))


_PLACE = tuple(FlatRecord.__annotations__)


class HistoryResponse(Response):
    """Records of the ledgers, newest first."""

    success: Success
    records: tuple[RecordResponse, ...] = Field(description="the records, newest first")
    trace_id: TraceId
    error: Error


class HistoryPageResponse(Response):
    """One page of records, newest first."""

    success: Success
    records: tuple[RecordResponse, ...] = Field(description="the records, newest first")
    next: str | None = Field(description="value of `after` for the next page; null on the last")
    unread: dict[str, int] = Field(
        description="number of records, by environment, that the server has yet to read"
    )
    trace_id: TraceId
    error: Error
