"""The database audit backend: an append-only SQLite file (FR-025c, FR-026)."""

from collections.abc import Iterator
from pathlib import Path

import sqlite_utils
from pydantic import ValidationError

from engine.adapters.audit.naming import timestamp
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.domain.product import UNNAMED, qualified
from engine.domain.record import AnyRecord, record_from_bytes
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from engine.runtime.sqlite_database import SqliteDatabase

# "floa" in ASCII; distinguishes audit databases from other SQLite files.
_APPLICATION_ID = 0x666C6F61
_WAIT_SECONDS = 10.0
# The trigger on INSERT stops INSERT OR REPLACE, which replaces a row without a DELETE.
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
# The plus keeps SQLite from the index on times, with which it would sort all rows for each page.
_NEXT = (
    "SELECT number, content FROM records WHERE +environment = ? AND number > ? "
    "ORDER BY number LIMIT ?"
)
_PAGE = 500
_NEWEST = "SELECT content FROM records WHERE environment = ? ORDER BY at DESC, number DESC LIMIT ?"


def open_audit_database(settings: AuditSettings) -> AuditBackendPlugin:
    """The backend for `settings.path` or a `sqlite:///` URL; the first write creates the file."""
    if settings.options:
        raise ConfigError(
            "artifacts.promotion.audit.options: the database backend has no options. Remove "
            f"{', '.join(sorted(settings.options))}"
        )
    return SqliteAudit(settings.path or _path(settings), settings.product)


def _path(settings: AuditSettings) -> Path:
    scheme, _, rest = (settings.url or "").partition("://")
    if scheme != "sqlite":
        raise ConfigError(
            "artifacts.promotion.audit.url: the database backend supports only SQLite. Use "
            "path: audit.db or sqlite:///audit.db, or install a plugin for another database"
        )
    if not rest.startswith("/") or len(rest) == 1 or "?" in rest:
        raise ConfigError(
            "artifacts.promotion.audit.url: must be sqlite:///FILE beside the manifest, or "
            "sqlite:////DIRECTORY/FILE"
        )
    return settings.base / rest[1:]


class SqliteAudit(AuditBackendPlugin):
    """
    The backend on the file `path`; thread-safe. Each call opens and closes the file.

    Products may share the file: this is the backend of `product`.
    """

    def __init__(
        self, path: Path, product: str = UNNAMED, *, wait_seconds: float = _WAIT_SECONDS
    ) -> None:
        self._product = product
        self._database = SqliteDatabase(
            path,
            "the audit database",
            _APPLICATION_ID,
            (_SCHEMA,),
            "restore it from a copy, or configure another file",
            elsewhere="configure a file on a local file system",
            access="make it writable for floe",
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
                tables.table("records").insert(self._row(record, content))
            elif found[0] != content:
                raise self._database.unavailable(
                    f"already has the {record.kind} {record.id} with other content, and records "
                    "are never overwritten: find out who wrote it"
                )

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        if not self._database.exists():
            return []
        with self._database.write() as db:
            place = qualified(self._product, environment)
            rows = db.execute(_NEWEST, [place, limit]).fetchall()
        return [self._record(row[0]) for row in rows]

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """Read page by page, so that writers wait for one page at most."""
        last, place = 0, qualified(self._product, environment)
        while rows := self._page(place, last):
            yield from (self._record(content) for _, content in rows)
            last = rows[-1][0]

    def _page(self, place: str, last: int) -> list[tuple[int, str]]:
        if not self._database.exists():
            return []
        with self._database.write() as db:
            rows: list[tuple[int, str]] = db.execute(_NEXT, [place, last, _PAGE]).fetchall()
        return rows

    def _record(self, content: str) -> AnyRecord:
        try:
            return record_from_bytes(content.encode())
        except ValidationError as error:
            raise self._database.unavailable(
                "has a record that this version of floe cannot read: it was altered, or written "
                "by a newer version"
            ) from error

    def _row(self, record: AnyRecord, content: str) -> dict[str, str]:
        return {
            "id": record.id,
            "kind": record.kind,
            "environment": qualified(self._product, record.ledger),
            "at": timestamp(record.at),
            "operator": record.operator,
            "content": content,
        }
