"""The bot's own tables: what it accepted, what it has to say, and where it said it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from bot.priority_lock import Turns
from engine.bootstrap.server import database_fact, way_out
from engine.domain.errors import StoreUnavailableError

FILE_NAME = "bot.db"
_WAIT_SECONDS = 5
# Version 1 had other indexes.
_SCHEMA_VERSION = 2
# Rows of `inbox` hold a response_url only until they are done, rows of `answers` until sent: it
# lets anybody speak in our name for half an hour.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS inbox_open ON inbox (done) WHERE done = 0;
CREATE INDEX IF NOT EXISTS inbox_done ON inbox (at) WHERE done = 1;
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    parent TEXT,
    thread TEXT,
    payload TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    broadcast INTEGER NOT NULL,
    due REAL NOT NULL,
    dirty INTEGER NOT NULL DEFAULT 1,
    ts TEXT,
    link TEXT,
    edited REAL NOT NULL DEFAULT 0,
    taken REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    retry REAL NOT NULL DEFAULT 0,
    failed TEXT,
    at REAL NOT NULL
);
DROP INDEX IF EXISTS messages_dirty;
CREATE INDEX IF NOT EXISTS messages_unposted ON messages (channel, number)
WHERE dirty = 1 AND failed IS NULL AND ts IS NULL;
CREATE INDEX IF NOT EXISTS messages_unedited ON messages (number)
WHERE dirty = 1 AND failed IS NULL AND ts IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_done ON messages (at) WHERE dirty = 0;
CREATE TABLE IF NOT EXISTS answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    thread TEXT,
    response_url TEXT,
    payload TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    retry REAL NOT NULL DEFAULT 0,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS gates (
    change_id TEXT NOT NULL,
    gate TEXT NOT NULL,
    status TEXT NOT NULL,
    result TEXT,
    line TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (change_id, gate)
);
CREATE INDEX IF NOT EXISTS gates_at ON gates (at);
CREATE TABLE IF NOT EXISTS banners (
    id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    document TEXT NOT NULL,
    places TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""
_DAMAGED = (
    "is damaged, or no database: stop floe and move it away: messages in Slack stay as they are, "
    "and what was asked for there in the last moments can be asked for again"
)
_FACTS = {sqlite3.SQLITE_CORRUPT: _DAMAGED, sqlite3.SQLITE_NOTADB: _DAMAGED}


class BotStore:
    """
    One SQLite file, `bot.db` in the state directory; loses nothing that was committed.

    Whatever goes wrong with it is a StoreUnavailableError. Losing the file loses no promotion:
    messages in Slack stay as they are.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._turns = Turns()
        with self._translated():
            self._db = _opened(self._path)

    @contextmanager
    def transaction(self, *, first: bool = False) -> Iterator[Database]:
        """
        Everything or nothing; inside another one it is part of that one. `first`: somebody waits
        for it, so it goes before those that nobody waits for.
        """
        with self._turns.hold(first=first) as outermost, self._translated():
            if not outermost:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk, say, has ended it already.
                if self._db.conn.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def fact(self, name: str) -> str | None:
        with self.transaction() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else None

    def keep_fact(self, name: str, value: str) -> None:
        with self.transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?",
                [name, value, value],
            )

    def close(self) -> None:
        with self._turns.hold():
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable(database_fact(self._path, error, _FACTS)) from error
        except OSError as error:
            fact = f"cannot be made: {error.strerror}; {way_out(error)}"
            raise self._unavailable(fact) from error

    def _unavailable(self, fact: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the bot's store {self._path} {fact}", {"store": str(self._path)}
        )


def _opened(path: Path) -> Database:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # For this user's eyes only, before anything is in it.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    try:
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
        if found > _SCHEMA_VERSION:
            raise StoreUnavailableError(
                f"the bot's store {path} was written by a newer floe: use that one, or move the "
                "file away"
            )
        if not found and db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreUnavailableError(
                f"the bot's store {path} is the database of another program: point state.dir at a "
                "directory of floe's own"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # What is deleted is gone from the file too: response_urls are secrets.
        db.execute("PRAGMA secure_delete = ON")
        if found < _SCHEMA_VERSION:
            db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
