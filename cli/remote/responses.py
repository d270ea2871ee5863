"""What a server says, as the values it was said of: anything else is an error of the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pydantic import TypeAdapter, ValidationError

from cli.remote.errors import ToldError
from cli.render.told import DigestValue, Told, ToldPending
from engine.domain.artifact import Digest
from engine.domain.audit import AuditReport, EnvironmentAudit, Remark
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.domain.record import AnyRecord, RegistrySync, UtcTime, record_from_json
from engine.domain.state import EnvironmentState, LockState
from engine.domain.status import Alignment, EnvironmentStatus
from engine.responses.change import change_document

Json = Any
Value = TypeVar("Value")
Given = ParamSpec("Given")


class StrangeAnswerError(ValueError):
    """Not a document that `floe serve` of this version sends."""


@dataclass(frozen=True)
class ToldEntry:
    """Implements `cli.render.entry.Entry`."""

    environment: str
    sequence: int
    digest: Digest
    record: AnyRecord


@dataclass(frozen=True)
class ToldEvent:
    """What happened to a change."""

    kind: str
    details: Mapping[str, Json]


class _Row(Told):
    environment: str
    version: str | None
    digest: str | None
    record: str | None
    operator: str | None
    since: UtcTime | None
    latest_digest: DigestValue | None
    deployed_version: str | None = None
    alignment: Alignment
    lock: LockState | None
    registry_sync: tuple[RegistrySync, ...]
    error: ToldError | None = None
    published_version: str | None = None


class _Place(Told):
    environment: str
    sequence: int
    record_digest: DigestValue


class _Audited(Told):
    environment: str
    entries: int
    head: DigestValue | None
    problems: tuple[Remark, ...]
    notes: tuple[Remark, ...]


def _strange(read: Callable[Given, Value]) -> Callable[Given, Value]:
    """`read`, with one error for whatever does not fit."""

    @wraps(read)
    def reading(*arguments: Given.args, **named: Given.kwargs) -> Value:
        try:
            return read(*arguments, **named)
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            raise StrangeAnswerError(str(error).partition("\n")[0]) from error

    return reading


@_strange
def change(document: Json) -> Change:
    """More fields may come, and those of the answer are beside those of the change."""
    fields = {name: value for name, value in document.items() if name in Change.model_fields}
    return Change.model_validate(fields | {"id": document["change_id"]})


def failed(change: Change) -> PromotionError:
    """The error `change` ended with, as it was."""
    return ToldError.model_validate(change_document(change)["error"]).restored()


@_strange
def events(document: Json) -> tuple[ToldEvent, ...]:
    """The timeline of a change."""
    return TypeAdapter(tuple[ToldEvent, ...]).validate_python(document["timeline"])


@_strange
def change_id(document: Json) -> str:
    return TypeAdapter(str).validate_python(document["change_id"])


@_strange
def status(document: Json) -> EnvironmentStatus:
    row = _Row.model_validate(document)
    # Of the digest before, only its part in this comparison is told.
    completing = row.alignment is Alignment.COMPLETING
    before = row.latest_digest if completing else row.digest
    state = EnvironmentState(
        version=row.version,
        digest=row.digest,
        record=row.record,
        operator=row.operator,
        since=row.since,
        before=str(before) if before else None,
    )
    return EnvironmentStatus(
        row.environment,
        state,
        row.latest_digest,
        row.lock,
        row.registry_sync,
        row.deployed_version,
        row.error.restored() if row.error else None,
        row.published_version,
    )


@_strange
def pending(document: Json) -> tuple[ToldPending, ...]:
    """The changes in flight that a status tells of."""
    return TypeAdapter(tuple[ToldPending, ...]).validate_python(document["pending"])


@_strange
def entry(document: Json) -> ToldEntry:
    place = _Place.model_validate(document)
    own = {name: document[name] for name in document.keys() - {"sequence", "record_digest"}}
    if document["kind"] == "promotion":
        # Its environment is the target; the one beside it is that of the ledger.
        del own["environment"]
    return ToldEntry(place.environment, place.sequence, place.record_digest, record_from_json(own))


@_strange
def audit(document: Json) -> AuditReport:
    found = TypeAdapter(tuple[_Audited, ...]).validate_python(document["environments"])
    return AuditReport(
        tuple(
            EnvironmentAudit(each.environment, each.entries, each.head, each.problems, each.notes)
            for each in found
        )
    )


@_strange
def items(document: Json) -> list[Json]:
    return TypeAdapter(list[Json]).validate_python(document)


def told(render: Callable[[Json], Value], document: Json) -> Value:
    """What `render` makes of `document`."""
    return _strange(render)(document)
