"""The `ChangeStore` in a database, for threads and processes that share it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue

from engine.adapters.store import claims, rows
from engine.adapters.store import statements as sql
from engine.adapters.store.retention import Retention, clear
from engine.domain.change import Change
from engine.domain.errors import ConflictError
from engine.domain.gate import GateKind
from engine.domain.product import UNNAMED, qualified
from engine.ports import Clock
from engine.ports.change_store import Event, Note
from engine.runtime.database import Connection, Database

MAX_OUTPUT_BYTES = 64 * 1024
_KEPT_RUNS = 20
_STORY = 1000
_CUT = b"\n[...]\n"
_AFTER_ALL = 2**63 - 1


class SqlStore:
    """
    Implements `engine.ports.change_store.ChangeStore` in the tables of `database`.

    The first call opens it. `clock` sets the times of events, idempotency keys and outputs. With
    `product` the store shows the changes of that product, otherwise those of all.
    Methods raise StoreUnavailableError for a database that stays busy or is unusable.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keep: Retention | None = None,
        product: str | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep or Retention()
        self._product = product

    def close(self) -> None:
        self._database.close()

    def add(
        self, change: Change, idempotency_key: str | None, events: Sequence[Note] = ()
    ) -> Change:
        """
        As the port says. A key stands for the change that was returned with it, even after that
        has ended. ConflictError for an id that is taken.
        """
        now, key = self._clock.now(), idempotency_key and qualified(change.product, idempotency_key)
        with self._database.write() as db:
            known = self._by_key(db, key, now)
            kept = known or (_twin(db, change) if change.open else None)
            if kept is None:
                _refuse_taken(db, change)
                rows.insert(db, change)
                rows.add_events(db, change.id, now, events)
                kept = change
            if key is not None and known is None:
                db.execute(sql.KEEP_KEY, [key, kept.id, rows.micros(now)])
            clear(db, now, self._keep)
        return kept

    def get(self, change_id: str) -> Change | None:
        with self._database.read() as db:
            return next(iter(self._select(db, sql.CHANGE_BY_ID, change_id)), None)

    def move(self, before: Change, after: Change, events: Sequence[Note] = ()) -> bool:
        """ValueError when `after` is not the next revision of `before`."""
        if (after.id, after.revision) != (before.id, before.revision + 1):
            raise ValueError(f"change {after.id}: revision {after.revision} is not the next one")
        now = self._clock.now()
        with self._database.write() as db:
            moved = rows.move(db, before, after)
            if moved:
                rows.add_events(db, after.id, now, events)
        return moved

    def open(self, target: str | None = None) -> tuple[Change, ...]:
        with self._database.read() as db:
            if target is None:
                return self._select(db, sql.OPEN)
            return self._select(db, sql.OPEN_TO, target)

    def recent(self, limit: int, before: str | None = None) -> tuple[Change, ...]:
        """In the order in which they were added; empty if the change `before` does not exist."""
        with self._database.read() as db:
            number = _AFTER_ALL
            if before is not None:
                number = (self._has(db, before) and _number(db, before)) or 0
            return self._select(db, sql.RECENT, number, max(limit, 0))

    def claim(
        self,
        worker: str,
        now: datetime,
        lasting: timedelta,
        only: str | None = None,
        accepts: Callable[[str, str], bool] = lambda _product, _change: True,
    ) -> Change | None:
        """A clock that was set back ends no claim early (`claims.Hold`)."""
        with self._database.write() as db:
            return claims.take(db, worker, now, lasting, only, accepts)

    def renew(self, change_id: str, worker: str, now: datetime, lasting: timedelta) -> bool:
        with self._database.write() as db:
            return claims.renew(db, change_id, worker, now, lasting)

    def release(self, change_id: str, worker: str) -> None:
        with self._database.write() as db:
            claims.release(db, change_id, worker)

    def events(self, after: int, limit: int = 100) -> tuple[Event, ...]:
        with self._database.read() as db:
            return tuple(rows.events(db, after, limit))

    def events_of(self, change_id: str) -> tuple[Event, ...]:
        with self._database.read() as db:
            return tuple(rows.events_of(db, change_id, _STORY))

    def add_events(self, change_id: str, events: Sequence[Note], keep: int | None = None) -> None:
        now = self._clock.now()
        with self._database.write() as db:
            rows.add_events(db, change_id, now, events)
            for kind, _ in events if keep is not None else ():
                db.execute(sql.FORGET_EVENTS, [change_id, kind, change_id, kind, keep])

    def keep_output(self, change_id: str, gate: GateKind, output: bytes) -> None:
        """Of a longer one, head and tail are kept. Where no change is added, old ones go here."""
        now = self._clock.now()
        at = rows.micros(now)
        with self._database.write() as db:
            run = self._run(db, change_id)
            db.execute(sql.KEEP_OUTPUT, [run, gate.value, at, _shortened(output)])
            clear(db, now, self._keep)

    def output(self, change_id: str, gate: GateKind) -> bytes | None:
        with self._database.read() as db:
            found = db.execute(sql.OUTPUT, [self._run(db, change_id), gate.value])
            row: tuple[bytes] | None = found.fetchone()
        return row[0] if row else None

    def gate_seconds(self, target: str, gate: GateKind) -> tuple[float, ...]:
        with self._database.read() as db:
            found = db.execute(sql.RUNS, [self._place(target), gate.value, _KEPT_RUNS]).fetchall()
        return tuple(seconds for (seconds,) in found)

    def keep_gate_seconds(self, target: str, gate: GateKind, seconds: float) -> None:
        with self._database.write() as db:
            db.execute(sql.ADD_RUN, [self._place(target), gate.value, seconds])
            db.execute(sql.FORGET_RUNS, [self._place(target), gate.value, _KEPT_RUNS])

    def remember(self, key: str, value: Mapping[str, JsonValue], now: datetime) -> None:
        with self._database.write() as db:
            db.execute(sql.REMEMBER, [key, rows.micros(now), rows.to_json(value)])

    def recall(self, key: str) -> Mapping[str, JsonValue] | None:
        with self._database.read() as db:
            row = db.execute(sql.RECALL, [key]).fetchone()
            return rows.from_json(row[0]) if row else None

    def _select(self, db: Connection, statement: str, *values: str | int) -> tuple[Change, ...]:
        if self._product is None:
            return rows.select(db, statement.format(where=""), *values)
        return rows.select(db, statement.format(where="product = ? AND"), self._product, *values)

    def _has(self, db: Connection, change_id: str) -> bool:
        """Whether the product of this store has that change."""
        return bool(self._select(db, sql.CHANGE_BY_ID, change_id))

    def _run(self, db: Connection, run: str) -> str:
        """Return the name of a run among those of all products; changes have names of their own."""
        return run if self._has(db, run) else qualified(self._product or UNNAMED, run)

    def _place(self, target: str) -> str:
        return qualified(self._product or UNNAMED, target)

    def _by_key(self, db: Connection, key: str | None, now: datetime) -> Change | None:
        if key is None:
            return None
        oldest = rows.micros(now - self._keep.keys)
        return next(iter(rows.select(db, sql.CHANGE_BY_KEY, key, oldest)), None)


def _twin(db: Connection, change: Change) -> Change | None:
    asked = (change.product, rows.kind(change), change.version, change.target)
    return next(iter(rows.select(db, sql.OPEN_TWIN, *asked)), None)


def _refuse_taken(db: Connection, change: Change) -> None:
    if _number(db, change.id) is not None:
        raise ConflictError(f"There is another change {change.id} already: ask again")


def _number(db: Connection, change_id: str) -> int | None:
    row: tuple[int] | None = db.execute(sql.NUMBER, [change_id]).fetchone()
    return row[0] if row else None


def _shortened(output: bytes) -> bytes:
    if len(output) <= MAX_OUTPUT_BYTES:
        return output
    half = (MAX_OUTPUT_BYTES - len(_CUT)) // 2
    return output[:half] + _CUT + output[-half:]
