"""Open SQLite files of floe: check the owner and the version, and run pending migrations."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.runtime.disk_errors import primary_code
from engine.runtime.wakeups import Topic
from engine.runtime.whole_files import make_private

_POLL_SECONDS = 0.02


class UnsuitableDatabaseError(Exception):
    """A database that belongs to another program or to a newer floe, or cannot be shared."""


class FileConnection(sqlite3.Connection):
    """Implements `engine.runtime.database.Connection`."""

    def announce(self, topic: Topic, /) -> None:
        """Do nothing: the loops of a server poll files."""


def open_database(
    path: Path,
    application_id: int,
    migrations: Sequence[str],
    *,
    wait_seconds: float,
    unmarked_table: str | None = None,
    secure_delete: bool = False,
) -> FileConnection:
    """
    Open the SQLite file at `path`, or create it for this user alone, at the newest version.

    `user_version` counts the scripts of `migrations` that a file has been through; pending ones run
    in one transaction. A file that has `unmarked_table` and no application id is one that floe made
    before it marked its files. The connection may pass between threads that use it in turn.

    Raises UnsuitableDatabaseError, OSError where the file cannot be created, and sqlite3.Error.
    """
    make_private(path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,
        check_same_thread=False,
        factory=FileConnection,
    )
    try:
        _check_owner(connection, application_id, unmarked_table)
        _enable_wal(connection, wait_seconds)
        # An acknowledged write survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if secure_delete:
            connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection, application_id, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def remove_database(path: Path) -> None:
    """Delete a SQLite file and the files SQLite keeps beside it; no process may have it open."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _check_owner(
    connection: sqlite3.Connection, application_id: int, unmarked_table: str | None
) -> None:
    """An empty file is one that another process is about to fill."""
    # Tables first: they and the id appear in one transaction, so that a file with tables has it.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    found: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if tables and found != application_id and (found or unmarked_table not in tables):
        raise UnsuitableDatabaseError("is the database of another program")


def _enable_wal(connection: sqlite3.Connection, wait_seconds: float) -> None:
    """Let readers go on while one connection writes."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait here by itself when two processes switch a new file at once.
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
    if mode != "wal":
        raise UnsuitableDatabaseError("is on a file system that cannot share it")


def _migrate(
    connection: sqlite3.Connection, application_id: int, migrations: Sequence[str]
) -> None:
    newest = len(migrations)
    if _version(connection) == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Again, inside the transaction: another process may have migrated the file.
    version = _version(connection)
    if version > newest:
        raise UnsuitableDatabaseError(
            f"was written by a newer floe (schema {version}; this one knows {newest})"
        )
    for script in migrations[version:]:
        for statement in _statements(script):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {application_id}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    """Files of floe without a number are from before versions were numbered, and are the first."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return 1
    return version


def _statements(script: str) -> Iterator[str]:
    """Split `script` by lines: executescript would end the transaction it is part of."""
    pending = ""
    for line in script.strip().splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending
