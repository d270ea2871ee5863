"""The database audit backend: an SQLite file that only grows (FR-025c, FR-026)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import ValidationError
from sqlite_utils import Database

from engine.adapters.audit.naming import moment
from engine.adapters.disks import database_fact, way_out
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.domain.record import AnyRecord, record_from_bytes
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings

# "floa" in ASCII: tells our files from those of other programs.
_APPLICATION_ID = 0x666C6F61
_WAIT_SECONDS = 10.0
# The trigger on INSERT is for INSERT OR REPLACE, which removes a row without a DELETE.
_SCHEMA = """
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    at TEXT NOT NULL,
    operator TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX records_newest ON records (environment, at, number);
CREATE TRIGGER records_stay BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_remain BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_once BEFORE INSERT ON records
WHEN EXISTS (SELECT 1 FROM records WHERE id = NEW.id OR number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
"""
_INSERT = (
    "INSERT INTO records (id, kind, environment, at, operator, content) VALUES (?, ?, ?, ?, ?, ?)"
)
# By number: told from the index on times by the plus, which would sort all of them for each page.
_NEXT = (
    "SELECT number, content FROM records WHERE +environment = ? AND number > ? "
    "ORDER BY number LIMIT ?"
)
_PAGE = 500
_NEWEST = "SELECT content FROM records WHERE environment = ? ORDER BY at DESC, number DESC LIMIT ?"
_FACTS = {
    sqlite3.SQLITE_BUSY: "is being written by others: try again",
    sqlite3.SQLITE_READONLY: "cannot be written: give floe the right to write it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: give floe the right to read and write it",
    sqlite3.SQLITE_NOTADB: "is no database: find out what became of it, or name another file",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a copy",
}


def open_database(settings: AuditSettings) -> AuditBackendPlugin:
    """The file at `settings.path`, or at a `sqlite:///` URL; it is made when first written."""
    if settings.options:
        raise ConfigError(
            f"artifacts.promotion.audit.options: {', '.join(sorted(settings.options))} mean "
            "nothing to the database backend: remove them"
        )
    return SqliteAudit(settings.path or _path(settings))


def _path(settings: AuditSettings) -> Path:
    scheme, _, rest = (settings.url or "").partition("://")
    if scheme != "sqlite":
        raise ConfigError(
            "artifacts.promotion.audit.url: the database backend writes SQLite files only: use "
            "path: audit.db or sqlite:///audit.db, or install a plugin for other databases"
        )
    if not rest.startswith("/") or len(rest) == 1 or "?" in rest:
        raise ConfigError(
            "artifacts.promotion.audit.url: must be sqlite:///FILE beside the manifest, or "
            "sqlite:////DIRECTORY/FILE"
        )
    return settings.base / rest[1:]


class SqliteAudit(AuditBackendPlugin):
    """Opens the file for every call: records are few, and any thread may write."""

    def __init__(self, path: Path, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._path = path
        self._wait_seconds = wait_seconds

    def append(self, record: AnyRecord) -> None:
        content = record.to_bytes().decode()
        with self._opened() as db:
            found = db.execute("SELECT content FROM records WHERE id = ?", [record.id]).fetchone()
            if found is None:
                row = (record.kind, record.ledger, moment(record.at), record.operator, content)
                db.execute(_INSERT, (record.id, *row))
            elif found[0] != content:
                raise self._unavailable(
                    f"already has the {record.kind} {record.id} with other content, and nothing "
                    "is overwritten: find out who wrote it"
                )

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        if not self._path.exists():
            return []
        with self._opened() as db:
            rows = db.execute(_NEWEST, [environment, limit]).fetchall()
        return [self._record(row[0]) for row in rows]

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """A page at a time, so that whoever writes meanwhile does not wait for all of it."""
        last = 0
        while rows := self._page(environment, last):
            yield from (self._record(content) for _, content in rows)
            last = rows[-1][0]

    def _page(self, environment: str, last: int) -> list[tuple[int, str]]:
        if not self._path.exists():
            return []
        with self._opened() as db:
            rows: list[tuple[int, str]] = db.execute(_NEXT, [environment, last, _PAGE]).fetchall()
        return rows

    def _record(self, content: str) -> AnyRecord:
        try:
            return record_from_bytes(content.encode())
        except ValidationError as error:
            raise self._unavailable(
                "holds what is no record to this floe: it was altered, or a newer one wrote it"
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        """A transaction, alone among all writers; it is on the disk when this has ended."""
        with self._translated():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=self._wait_seconds, isolation_level=None
            )
            with closing(connection):
                db = Database(connection, recursive_triggers=False, execute_plugins=False)
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                self._prepare(db)
                yield db
                db.execute("COMMIT")

    def _prepare(self, db: Database) -> None:
        if db.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID:
            return
        if db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise self._unavailable("is the database of another program: name another file")
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        for statement in _statements():
            db.execute(statement)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable(database_fact(self._path, error, _FACTS)) from error
        except OSError as error:
            out = way_out(error, "give floe the right to write there")
            raise self._unavailable(f"cannot be made: {error.strerror}; {out}") from error

    def _unavailable(self, fact: str) -> AuditUnavailableError:
        return AuditUnavailableError(f"the audit database {self._path} {fact}")


def _statements() -> Iterator[str]:
    """One by one: executescript would end the transaction they belong to."""
    pending = ""
    for line in _SCHEMA.strip().splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
