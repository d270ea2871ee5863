"""Changes and events as rows: a document and the columns that queries use."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ConfigDict, JsonValue, TypeAdapter

from engine.adapters.store import statements as sql
from engine.domain.change import WORKED_ON, Change
from engine.ports.change_store import Event, Note
from engine.runtime.database import Connection
from engine.runtime.wakeups import Topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(
    dict[str, JsonValue], config=ConfigDict(defer_build=True)
)


def micros(time: datetime) -> int:
    """Convert a time to microseconds since 1970, which compare as numbers without loss."""
    return (time - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def kind(change: Change) -> str:
    """Return the action, with the incident of a break-glass: it never is the twin of others."""
    return f"{change.action} {change.overrides.incident}".rstrip()


def insert(db: Connection, change: Change) -> None:
    columns = {
        "id": change.id,
        "product": change.product,
        "action": kind(change),
        "target": change.target,
        "version": change.version,
        "turn": next_turn(db),
    }
    db.execute(sql.ADD_CHANGE, columns | _moving(change))
    db.announce(Topic.WORK)


def move(db: Connection, before: Change, after: Change) -> bool:
    """The compare-and-swap: False when the change is not in the state and revision of `before`."""
    was = {"id": before.id, "state_before": before.state, "revision_before": before.revision}
    moved = db.execute(sql.MOVE, was | _moving(after)).rowcount == 1
    if moved and after.state in WORKED_ON:
        db.announce(Topic.WORK)
    return moved


def next_turn(db: Connection) -> int:
    """Return the end of the queue."""
    turn: int = db.execute(sql.NEXT_TURN).fetchone()[0]
    return turn


def select(db: Connection, statement: str, *parameters: str | int) -> tuple[Change, ...]:
    """Read the changes whose `document` the statement selects."""
    rows = db.execute(statement, parameters).fetchall()
    return tuple(Change.model_validate_json(document) for (document,) in rows)


def add_events(db: Connection, change_id: str, at: datetime, notes: Sequence[Note]) -> None:
    """
    Append events to the feed.

    Writers take turns, so sequences become visible in order: a reader of n has read all before.
    """
    db.executemany(
        sql.ADD_EVENT,
        [(change_id, kind, micros(at), to_json(details)) for kind, details in notes],
    )
    if notes:
        db.announce(Topic.FEED)


def events(db: Connection, after: int, limit: int) -> Iterator[Event]:
    return _events(db, sql.EVENTS, [after, max(limit, 0)])


def events_of(db: Connection, change_id: str, limit: int) -> Iterator[Event]:
    return _events(db, sql.STORY, [change_id, limit])


def _events(db: Connection, statement: str, values: Sequence[str | int]) -> Iterator[Event]:
    for sequence, change_id, kind, at, details in db.execute(statement, values):
        yield Event(sequence, change_id, kind, moment(at), from_json(details))


def to_json(value: Mapping[str, JsonValue]) -> str:
    # Half a surrogate pair could be written and never read again, by any reader of the feed.
    return json.dumps(dict(value), ensure_ascii=False).encode(errors="replace").decode()


def from_json(text: str) -> Mapping[str, JsonValue]:
    return _OBJECT.validate_json(text)


def _moving(change: Change) -> dict[str, str | int]:
    return {
        "state": change.state.value,
        "revision": change.revision,
        "updated_at": micros(change.updated_at),
        "open": int(change.open),
        # An older floe refuses a field that it does not know.
        "document": change.model_dump_json(exclude=None if change.product else {"product"}),
    }
