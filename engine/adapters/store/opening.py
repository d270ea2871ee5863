"""Opens the store's file: makes it, recognises it, and brings its tables up to date."""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from sqlite_utils import Database

from engine.adapters.disks import way_out
from engine.adapters.files import make_private
from engine.adapters.store.failures import unavailable
from engine.adapters.store.schema import APPLICATION_ID, STEPS, NewerSchemaError, upgrade

_POLL_SECONDS = 0.02


def open_database(
    path: Path, wait_seconds: float, steps: Mapping[str, str] | None = None
) -> Database:
    """
    A connection that may go from thread to thread, used by one at a time.

    StoreUnavailableError for a file that is another program's or a newer floe's; what SQLite
    itself refuses stays sqlite3.Error.
    """
    _make(path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    try:
        _prepare(db, path, wait_seconds, steps or STEPS)
    except BaseException:
        db.close()
        raise
    return db


def _make(path: Path) -> None:
    try:
        make_private(path)
    except FileExistsError:
        # A file stands where the directory should: opening will tell.
        return
    except OSError as error:
        out = way_out(error)
        raise unavailable(path, f"cannot be made: {error.strerror}; {out}") from error


def _prepare(db: Database, path: Path, wait_seconds: float, steps: Mapping[str, str]) -> None:
    if not _ours(db):
        fact = "is the database of another program: point state.dir at a directory of floe's own"
        raise unavailable(path, fact)
    _write_ahead(db, path, wait_seconds)
    # An answer that was given survives a power cut too.
    db.execute("PRAGMA synchronous = FULL")
    try:
        upgrade(db, steps)
    except NewerSchemaError as error:
        raise unavailable(
            path,
            f"was written by a newer floe (schema {', '.join(error.args)}; this one knows "
            f"{max(steps)}): use that one, or another state.dir",
        ) from error


def _ours(db: Database) -> bool:
    """Also an empty file: that is one somebody is just making."""
    # Tables first: they and the id appear at once, so whoever sees tables finds the id too.
    if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        return True
    found: int = db.execute("PRAGMA application_id").fetchone()[0]
    return found == APPLICATION_ID


def _write_ahead(db: Database, path: Path, wait_seconds: float) -> None:
    """Readers and the writer do not wait for each other."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            db.enable_wal()
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait here by itself when two switch a new file at once.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
    if db.journal_mode != "wal":
        raise unavailable(path, "cannot be shared: point state.dir at a local file system")
