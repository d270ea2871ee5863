"""The outbox in an SQLite file of the state directory."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.adapters.disks import database_fact, way_out
from engine.adapters.files import make_private
from engine.domain.delivery import Delivery
from engine.domain.errors import StoreUnavailableError

_APPLICATION_ID = 0x666C6F6F  # "floo"
_WAIT_SECONDS = 3.0
_KEPT = timedelta(days=30)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = "id, hook, address, event, record_id, body, created_at, attempts, problem"
_TABLES = (
    f"PRAGMA application_id = {_APPLICATION_ID}",
    """
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY NOT NULL,
        hook INTEGER NOT NULL,
        address TEXT NOT NULL,
        event TEXT NOT NULL,
        record_id TEXT NOT NULL,
        body BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        problem TEXT,
        state TEXT NOT NULL DEFAULT 'waiting',
        due_at INTEGER NOT NULL,
        settled_at INTEGER
    )
    """,
    "CREATE INDEX deliveries_due ON deliveries (state, due_at)",
)
_ADD = (
    f"INSERT INTO deliveries ({_COLUMNS}, due_at) "  # noqa: S608 - our own words
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_FORGET = "DELETE FROM deliveries WHERE state != 'waiting' AND settled_at < ?"
_DUE = (
    f"SELECT {_COLUMNS} FROM deliveries "  # noqa: S608 - our own words
    "WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, created_at LIMIT ?"
)
_FAILURES = (
    f"SELECT {_COLUMNS} FROM deliveries "  # noqa: S608 - our own words
    "WHERE state = 'failed' ORDER BY settled_at DESC LIMIT ?"
)
_SETTLE = (
    "UPDATE deliveries SET state = ?, attempts = attempts + 1, problem = ?, due_at = ?, "
    "settled_at = ? WHERE id = ? AND state != 'done'"
)
_REVIVE = (
    "UPDATE deliveries SET state = 'waiting', attempts = 0, due_at = ? "
    "WHERE id = ? AND state = 'failed'"
)
_DAMAGED = (
    "is damaged, or no database: stop what uses it and move it away: what webhooks were not told "
    "yet is lost with it, and stands in the ledger"
)
_FACTS = {sqlite3.SQLITE_CORRUPT: _DAMAGED, sqlite3.SQLITE_NOTADB: _DAMAGED}

_Row = tuple[str, int, str, str, str, bytes, int, int, str | None]


class SqliteOutbox:
    """Implements `engine.ports.webhooks.Outbox`. Opens the file for every call: any thread may."""

    def __init__(self, path: Path, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._path = path
        self._wait_seconds = wait_seconds

    def add(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        with self._opened() as db:
            newest = max(delivery.created_at for delivery in deliveries)
            db.execute(_FORGET, [_micros(newest - _KEPT)])
            db.executemany(_ADD, [_row(delivery) for delivery in deliveries])

    def take(self, now: datetime, lasting: timedelta, limit: int = 20) -> tuple[Delivery, ...]:
        with self._opened() as db:
            rows = db.execute(_DUE, [_micros(now), limit]).fetchall()
            until = _micros(now + lasting)
            db.executemany(
                "UPDATE deliveries SET due_at = ? WHERE id = ?", [(until, row[0]) for row in rows]
            )
        return self._deliveries(rows)

    def next_due(self) -> datetime | None:
        with self._opened() as db:
            found = db.execute("SELECT min(due_at) FROM deliveries WHERE state = 'waiting'")
            at: int | None = found.fetchone()[0]
        return None if at is None else _moment(at)

    def done(self, delivery: Delivery, now: datetime) -> None:
        self._settle(delivery, "done", None, now)

    def again(self, delivery: Delivery, problem: str, at: datetime) -> None:
        self._settle(delivery, "waiting", problem, at)

    def failed(self, delivery: Delivery, problem: str, now: datetime) -> None:
        self._settle(delivery, "failed", problem, now)

    def failures(self, limit: int = 100) -> tuple[Delivery, ...]:
        with self._opened() as db:
            return self._deliveries(db.execute(_FAILURES, [limit]).fetchall())

    def redeliver(self, delivery_id: str, now: datetime) -> bool:
        with self._opened() as db:
            return db.execute(_REVIVE, [_micros(now), delivery_id]).rowcount == 1

    def waiting(self) -> int:
        with self._opened() as db:
            found = db.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
            count: int = found.fetchone()[0]
        return count

    def _settle(self, delivery: Delivery, state: str, problem: str | None, at: datetime) -> None:
        with self._opened() as db:
            db.execute(_SETTLE, [state, problem, _micros(at), _micros(at), delivery.id])

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A transaction, alone among all writers; it is on the disk when this has ended."""
        with self._translated():
            # Bodies name people and reasons.
            make_private(self._path)
            with closing(
                sqlite3.connect(self._path, timeout=self._wait_seconds, isolation_level=None)
            ) as db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                self._prepare(db)
                yield db
                db.execute("COMMIT")

    def _prepare(self, db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID:
            return
        if db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise self._unavailable(
                "is the database of another program: point state.dir at a directory of floe's own"
            )
        for statement in _TABLES:
            db.execute(statement)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable(database_fact(self._path, error, _FACTS)) from error
        except OSError as error:
            fact = f"cannot be made: {error.strerror}; {way_out(error)}"
            raise self._unavailable(fact) from error

    def _deliveries(self, rows: list[_Row]) -> tuple[Delivery, ...]:
        try:
            return tuple(map(_delivery, rows))
        except (TypeError, ValueError, OverflowError) as error:
            raise self._unavailable(_DAMAGED) from error

    def _unavailable(self, fact: str) -> StoreUnavailableError:
        return StoreUnavailableError(f"the outbox {self._path} {fact}", {"store": str(self._path)})


def _row(delivery: Delivery) -> tuple[object, ...]:
    created = _micros(delivery.created_at)
    return (
        delivery.id,
        delivery.hook,
        delivery.address,
        delivery.event,
        delivery.record_id,
        delivery.body,
        created,
        delivery.attempts,
        delivery.problem,
        created,
    )


def _delivery(row: _Row) -> Delivery:
    key, hook, address, event, record_id, body, created_at, attempts, problem = row
    return Delivery(
        key, hook, address, event, record_id, body, _moment(created_at), attempts, problem
    )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
