"""The outbox in a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.domain.delivery import Delivery
from engine.domain.product import UNNAMED
from engine.runtime.database import Database
from engine.runtime.sqlite_database import SqliteDatabase
from engine.runtime.wakeups import Topic

FILE_NAME = "outbox.db"
_APPLICATION_ID = 0x666C6F6F  # "floo"
_WAIT_SECONDS = 3.0
_KEPT = timedelta(days=30)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = "id, hook, address, event, record_id, body, created_at, attempts, problem, product"
_TABLES = """
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
    );
    CREATE INDEX deliveries_due ON deliveries (state, due_at);
"""
# An earlier version adds no product: it knows only the one without a name.
_PRODUCTS = """
    ALTER TABLE deliveries ADD COLUMN product TEXT NOT NULL DEFAULT '';
    CREATE INDEX deliveries_of_product ON deliveries (state, product, due_at);
"""
MIGRATIONS = (_TABLES, _PRODUCTS)
_ADD = (
    f"INSERT INTO deliveries ({_COLUMNS}, due_at) "  # noqa: S608 - our own words
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_FORGET = "DELETE FROM deliveries WHERE state != 'waiting' AND settled_at < ?"
_DUE = (
    f"SELECT {_COLUMNS} FROM deliveries "  # noqa: S608 - our own words
    "WHERE state = 'waiting' AND product = ? AND due_at <= ? ORDER BY due_at, created_at LIMIT ?"
)
_FAILURES = (
    f"SELECT {_COLUMNS} FROM deliveries "  # noqa: S608 - our own words
    "WHERE state = 'failed' AND product = ? ORDER BY settled_at DESC LIMIT ?"
)
_SETTLE = (
    "UPDATE deliveries SET state = ?, attempts = attempts + 1, problem = ?, due_at = ?, "
    "settled_at = ? WHERE id = ? AND state != 'done'"
)
_REVIVE = (
    "UPDATE deliveries SET state = 'waiting', attempts = 0, due_at = ? "
    "WHERE id = ? AND product = ? AND state = 'failed'"
)
_NEXT = "SELECT product, min(due_at) FROM deliveries WHERE state = 'waiting' GROUP BY product"
_WAITING = (
    "SELECT count(*), min(created_at) FROM deliveries WHERE state = 'waiting' AND product = ?"
)
_IF_DAMAGED = (
    "stop its users and move it away: the waiting deliveries are lost with it, and their records "
    "are in the ledger"
)

_Row = tuple[str, int, str, str, str, bytes, int, int, str | None, str]


def outbox_database(directory: Path, wait_seconds: float = _WAIT_SECONDS) -> SqliteDatabase:
    """Return the database `outbox.db` in `directory`; no call leaves it open."""
    return SqliteDatabase(
        directory / FILE_NAME,
        "the outbox",
        _APPLICATION_ID,
        MIGRATIONS,
        _IF_DAMAGED,
        wait_seconds=wait_seconds,
        kept=0,
    )


def adopt_deliveries(database: Database, product: str) -> None:
    """Give the deliveries of a single manifest to `product`, as `adopt_changes` does."""
    with database.write() as db:
        db.execute("UPDATE deliveries SET product = ? WHERE product = ''", [product])


class SqlOutbox:
    """
    Implements `engine.ports.webhooks.Outbox` in the tables of `database`, for any thread.

    The products of a server share the tables: this is the outbox of `product`.
    """

    def __init__(self, database: Database, product: str = UNNAMED) -> None:
        self._database = database
        self._product = product

    def add(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        with self._database.write() as db:
            newest = max(delivery.created_at for delivery in deliveries)
            db.execute(_FORGET, [_micros(newest - _KEPT)])
            db.executemany(_ADD, [_row(delivery) for delivery in deliveries])
            db.announce(Topic.WEBHOOKS)

    def take(self, now: datetime, lasting: timedelta, limit: int = 20) -> tuple[Delivery, ...]:
        with self._database.write() as db:
            rows = db.execute(_DUE, [self._product, _micros(now), limit]).fetchall()
            until = _micros(now + lasting)
            db.executemany(
                "UPDATE deliveries SET due_at = ? WHERE id = ?", [(until, row[0]) for row in rows]
            )
        return self._deliveries(rows)

    def due_times(self) -> dict[str, datetime]:
        with self._database.read() as db:
            rows = db.execute(_NEXT).fetchall()
        return {product: _moment(at) for product, at in rows}

    def done(self, delivery: Delivery, now: datetime) -> None:
        self._settle(delivery, "done", None, now)

    def again(self, delivery: Delivery, problem: str, at: datetime) -> None:
        self._settle(delivery, "waiting", problem, at)

    def failed(self, delivery: Delivery, problem: str, now: datetime) -> None:
        self._settle(delivery, "failed", problem, now)

    def failures(self, limit: int = 100) -> tuple[Delivery, ...]:
        with self._database.write() as db:
            return self._deliveries(db.execute(_FAILURES, [self._product, limit]).fetchall())

    def redeliver(self, delivery_id: str, now: datetime) -> bool:
        with self._database.write() as db:
            db.announce(Topic.WEBHOOKS)
            values = [_micros(now), delivery_id, self._product]
            return db.execute(_REVIVE, values).rowcount == 1

    def waiting(self) -> int:
        return self.backlog()[0]

    def backlog(self) -> tuple[int, datetime | None]:
        with self._database.write() as db:
            count, oldest = db.execute(_WAITING, [self._product]).fetchone()
        return count, None if oldest is None else _moment(oldest)

    def _settle(self, delivery: Delivery, state: str, problem: str | None, at: datetime) -> None:
        with self._database.write() as db:
            db.execute(_SETTLE, [state, problem, _micros(at), _micros(at), delivery.id])

    def _deliveries(self, rows: list[_Row]) -> tuple[Delivery, ...]:
        try:
            return tuple(map(_delivery, rows))
        except (TypeError, ValueError, OverflowError) as error:
            raise self._database.unavailable(f"is damaged: {_IF_DAMAGED}") from error


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
        delivery.product,
        created,
    )


def _delivery(row: _Row) -> Delivery:
    key, hook, address, event, record_id, body, created_at, attempts, problem, product = row
    created = _moment(created_at)
    return Delivery(key, hook, address, event, record_id, body, created, attempts, problem, product)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
