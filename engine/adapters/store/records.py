"""The `RecordStore`: a copy of the ledgers, which may be deleted at any time."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.adapters.store.migrations import APPLICATION_ID
from engine.adapters.store.rows import micros, moment
from engine.domain.artifact import Digest
from engine.domain.ledger import LedgerEntry
from engine.domain.names import canonical_name
from engine.domain.record import record_from_bytes
from engine.domain.selection import Selection
from engine.domain.state import EnvironmentState, LockState
from engine.domain.status import EnvironmentStatus
from engine.ports.record_cache import CachedRange, CachedRecord, CachedStatus, Cursor
from engine.runtime.database import Connection, Database
from engine.runtime.sqlite_database import SqliteDatabase

FILE_NAME = "records.db"

_FIRST = """
CREATE TABLE records (
    environment TEXT NOT NULL, sequence INTEGER NOT NULL, digest TEXT NOT NULL, id TEXT NOT NULL,
    at INTEGER NOT NULL, kind TEXT NOT NULL, version TEXT, subject TEXT, brings INTEGER NOT NULL,
    operator TEXT NOT NULL, operator_id TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (environment, sequence)
) WITHOUT ROWID;
CREATE INDEX records_at ON records (at, environment, sequence);
CREATE INDEX records_environment ON records (environment, at, sequence);
CREATE INDEX records_kind ON records (kind, at, environment, sequence);
CREATE INDEX records_version ON records (version, at, environment, sequence);
CREATE INDEX records_operator ON records (operator, at, environment, sequence);
CREATE INDEX records_operator_id ON records (operator_id, at, environment, sequence);
CREATE INDEX records_id ON records (id);
CREATE INDEX records_brings ON records (environment, sequence, at) WHERE brings = 1;
CREATE INDEX records_places ON records (version, environment, brings) WHERE brings = 1;
CREATE INDEX records_counted ON records (environment, kind);
CREATE TABLE covered (
    environment TEXT PRIMARY KEY NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    digest TEXT NOT NULL, before TEXT
);
CREATE TABLE seen (
    environment TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, latest TEXT,
    lock TEXT
);
"""
# The columns of operators hold canonical names; records are read from the ledgers again.
_CANONICAL = """
DELETE FROM records;
DELETE FROM covered;
"""
_PORTABLE = """
DROP INDEX records_brings;
DROP INDEX records_places;
CREATE INDEX records_brings ON records (environment, sequence, at) WHERE brings = 1;
CREATE INDEX records_places ON records (version, environment, brings) WHERE brings = 1;
"""
MIGRATIONS = (_FIRST, _CANONICAL, _PORTABLE)
_KEEP = """
INSERT INTO records (environment, sequence, digest, id, at, kind, version, subject, brings,
    operator, operator_id, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (environment, sequence) DO UPDATE SET digest = excluded.digest, id = excluded.id,
    at = excluded.at, kind = excluded.kind, version = excluded.version, subject = excluded.subject,
    brings = excluded.brings, operator = excluded.operator, operator_id = excluded.operator_id,
    content = excluded.content
"""
_COVER = """
INSERT INTO covered (environment, first, last, digest, before) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (environment) DO UPDATE SET first = excluded.first, last = excluded.last,
    digest = excluded.digest, before = excluded.before
"""
_SEE = """
INSERT INTO seen (environment, at, state, latest, lock) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (environment) DO UPDATE SET at = excluded.at, state = excluded.state,
    latest = excluded.latest, lock = excluded.lock
"""
_COVERED = "SELECT first, last, digest, before FROM covered WHERE environment = ?"
_FIELDS = """
SELECT environment, sequence, digest, content, CASE WHEN brings = 1 THEN (
    SELECT at FROM records AS next WHERE next.brings = 1 AND next.environment = records.environment
    AND next.sequence > records.sequence ORDER BY next.sequence LIMIT 1) END
FROM records
"""
_VERSIONS = """
SELECT version FROM records WHERE version IS NOT NULL
GROUP BY version ORDER BY max(at) DESC, version DESC LIMIT ?
"""


def records_database(directory: Path, wait_seconds: float = 5) -> SqliteDatabase:
    """Return the database `records.db` in `directory`, which opens at its first use."""
    return SqliteDatabase(
        directory / FILE_NAME,
        "the store",
        APPLICATION_ID,
        MIGRATIONS,
        "stop its users and move it away: it is a copy of the ledgers, which floe reads again",
        wait_seconds=wait_seconds,
    )


class SqlRecords:
    """Implements `engine.ports.record_cache.RecordStore` in the tables of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    def cached_ranges(self) -> dict[str, CachedRange]:
        with self._database.read() as db:
            rows = db.execute("SELECT environment, first, last, digest, before FROM covered")
            return {environment: _range(*row) for environment, *row in rows.fetchall()}

    def extend(
        self,
        environment: str,
        entries: Iterable[LedgerEntry],
        before: CachedRange | None,
        after: CachedRange,
    ) -> bool:
        with self._database.write() as db:
            if _covered(db, environment) != before:
                return False
            for entry in entries:
                db.execute(_KEEP, _row(entry))
            covered = [after.first, after.last, str(after.digest)]
            db.execute(_COVER, [environment, *covered, after.before and str(after.before)])
        return True

    def forget(self, environment: str) -> None:
        with self._database.write() as db:
            db.execute("DELETE FROM covered WHERE environment = ?", [environment])
            db.execute("DELETE FROM records WHERE environment = ?", [environment])

    def page(
        self, selection: Selection, limit: int, after: Cursor | None = None
    ) -> tuple[CachedRecord, ...]:
        where, values = _conditions(selection, after)
        order = " ORDER BY at DESC, environment DESC, sequence DESC LIMIT ?"
        with self._database.read() as db:
            return _kept(db, _FIELDS + where + order, [*values, limit])

    def by_id(self, record_id: str) -> CachedRecord | None:
        with self._database.read() as db:
            return next(iter(_kept(db, f"{_FIELDS} WHERE id = ? LIMIT 1", [record_id])), None)

    def versions(self, limit: int) -> tuple[str, ...]:
        with self._database.read() as db:
            return tuple(version for (version,) in db.execute(_VERSIONS, [limit]).fetchall())

    def find_placements(self, versions: Sequence[str]) -> frozenset[tuple[str, str]]:
        marks = ", ".join("?" * len(versions))
        found = f"SELECT DISTINCT version, environment FROM records WHERE version IN ({marks})"  # noqa: S608 - question marks only
        with self._database.read() as db:
            rows = db.execute(f"{found} AND brings = 1", list(versions)).fetchall()
        return frozenset((version, environment) for version, environment in rows)

    def count(self) -> dict[tuple[str, str], int]:
        counted = "SELECT environment, kind, count(*) FROM records GROUP BY environment, kind"
        with self._database.read() as db:
            rows = db.execute(counted).fetchall()
        return {(environment, kind): number for environment, kind, number in rows}

    def store_statuses(self, statuses: Iterable[CachedStatus]) -> None:
        with self._database.write() as db:
            for each in statuses:
                status = each.status
                row = [status.name, micros(each.at), status.state.model_dump_json()]
                lock = status.lock.model_dump_json() if status.lock else None
                latest = str(status.latest) if status.latest else None
                db.execute(_SEE, [*row, latest, lock])

    def statuses(self) -> tuple[CachedStatus, ...]:
        with self._database.read() as db:
            rows = db.execute("SELECT environment, at, state, latest, lock FROM seen").fetchall()
            return tuple(_seen(*row) for row in rows)


def _covered(db: Connection, environment: str) -> CachedRange | None:
    row = db.execute(_COVERED, [environment]).fetchone()
    return _range(*row) if row else None


def _range(first: int, last: int, digest: str, before: str | None) -> CachedRange:
    return CachedRange(first, last, Digest(digest), Digest(before) if before else None)


def _row(entry: LedgerEntry) -> list[Any]:
    record = entry.record
    return [
        entry.environment,
        entry.sequence,
        str(entry.digest),
        record.id,
        micros(record.at),
        record.kind,
        record.subject_version,
        record.subject_digest,
        int(record.kind in ("promotion", "rollback")),
        canonical_name(record.operator),
        canonical_name(record.operator_id),
        record.to_bytes(),
    ]


def _conditions(selection: Selection, after: Cursor | None) -> tuple[str, list[Any]]:
    asked: list[tuple[str, list[Any]]] = []
    if selection.environment is not None:
        asked.append(("environment = ?", [selection.environment]))
    if selection.version is not None:
        asked.append(("version = ?", [str(selection.version)]))
    if selection.digest is not None:
        # Hex digits only, so nothing in it is a pattern.
        asked.append(("subject LIKE ?", [f"{selection.digest}%"]))
    if selection.operator is not None:
        asked.append(
            ("(operator = ? OR operator_id = ?)", [canonical_name(selection.operator)] * 2)
        )
    if selection.kind is not None:
        asked.append(("kind = ?", [selection.kind]))
    if selection.since is not None:
        asked.append(("at >= ?", [micros(selection.since)]))
    if after is not None:
        at, environment, sequence = after
        place = [micros(at), environment, sequence]
        asked.append(("(at, environment, sequence) < (?, ?, ?)", place))
    words = " AND ".join(word for word, _ in asked)
    return (f" WHERE {words}" if words else ""), [value for _, values in asked for value in values]


def _kept(db: Connection, statement: str, values: list[Any]) -> tuple[CachedRecord, ...]:
    return tuple(
        CachedRecord(
            environment,
            sequence,
            Digest(digest),
            record_from_bytes(content),
            moment(until) if until is not None else None,
        )
        for environment, sequence, digest, content, until in db.execute(
            statement, values
        ).fetchall()
    )


def _seen(name: str, at: int, state: str, latest: str | None, lock: str | None) -> CachedStatus:
    status = EnvironmentStatus(
        name,
        EnvironmentState.model_validate_json(state),
        Digest(latest) if latest else None,
        LockState.model_validate_json(lock) if lock else None,
    )
    return CachedStatus(status, moment(at))
