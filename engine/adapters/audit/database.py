"""The database audit backend: an SQLite file that only grows (FR-025c, FR-026)."""

from collections.abc import Iterator
from pathlib import Path

import sqlite_utils
from pydantic import ValidationError

from engine.adapters.audit.naming import moment
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.domain.record import AnyRecord, record_from_bytes
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from engine.runtime.sqlite_database import SqliteDatabase

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
# By number: told from the index on times by the plus, which would sort all of them for each page.
_NEXT = (
    "SELECT number, content FROM records WHERE +environment = ? AND number > ? "
    "ORDER BY number LIMIT ?"
)
_PAGE = 500
_NEWEST = "SELECT content FROM records WHERE environment = ? ORDER BY at DESC, number DESC LIMIT ?"


def open_audit_database(settings: AuditSettings) -> AuditBackendPlugin:
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
    """Any thread may call; no call leaves the file open, since records are few."""

    def __init__(self, path: Path, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._database = SqliteDatabase(
            path,
            "the audit database",
            _APPLICATION_ID,
            (_SCHEMA,),
            "restore it from a copy, or name another file",
            elsewhere="name another file, on a local file system",
            access="give floe the right to write it",
            error_type=AuditUnavailableError,
            wait_seconds=wait_seconds,
            kept=0,
        )

    def append(self, record: AnyRecord) -> None:
        content = record.to_bytes().decode()
        with self._database.write() as db:
            found = db.execute("SELECT content FROM records WHERE id = ?", [record.id]).fetchone()
            if found is None:
                tables = sqlite_utils.Database(db, recursive_triggers=False, execute_plugins=False)
                tables.table("records").insert(_row(record, content))
            elif found[0] != content:
                raise self._database.unavailable(
                    f"already has the {record.kind} {record.id} with other content, and nothing "
                    "is overwritten: find out who wrote it"
                )

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        if not self._database.exists():
            return []
        with self._database.write() as db:
            rows = db.execute(_NEWEST, [environment, limit]).fetchall()
        return [self._record(row[0]) for row in rows]

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """A page at a time, so that whoever writes meanwhile does not wait for all of it."""
        last = 0
        while rows := self._page(environment, last):
            yield from (self._record(content) for _, content in rows)
            last = rows[-1][0]

    def _page(self, environment: str, last: int) -> list[tuple[int, str]]:
        if not self._database.exists():
            return []
        with self._database.write() as db:
            rows: list[tuple[int, str]] = db.execute(_NEXT, [environment, last, _PAGE]).fetchall()
        return rows

    def _record(self, content: str) -> AnyRecord:
        try:
            return record_from_bytes(content.encode())
        except ValidationError as error:
            raise self._database.unavailable(
                "holds what is no record to this floe: it was altered, or a newer one wrote it"
            ) from error


def _row(record: AnyRecord, content: str) -> dict[str, str]:
    return {
        "id": record.id,
        "kind": record.kind,
        "environment": record.ledger,
        "at": moment(record.at),
        "operator": record.operator,
        "content": content,
    }
