"""The bot's own tables: what it accepted, what it has to say, and where it said it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from bot.priority_lock import Turns
from engine.runtime.sqlite_database import SqliteDatabase

FILE_NAME = "bot.db"
# "flob" in ASCII: tells our files from those of other programs.
_APPLICATION_ID = 0x666C6F62
# Rows of `inbox` hold a response_url only until they are done, rows of `answers` until sent: it
# lets anybody speak in our name for half an hour.
_TABLES = """
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    document TEXT NOT NULL
);
CREATE INDEX inbox_open ON inbox (done) WHERE done = 0;
CREATE TABLE messages (
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
CREATE TABLE answers (
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
CREATE TABLE gates (
    change_id TEXT NOT NULL,
    gate TEXT NOT NULL,
    status TEXT NOT NULL,
    result TEXT,
    line TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (change_id, gate)
);
CREATE TABLE banners (
    id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    document TEXT NOT NULL,
    places TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_INDEXES = """
DROP INDEX IF EXISTS messages_dirty;
CREATE INDEX IF NOT EXISTS inbox_done ON inbox (at) WHERE done = 1;
CREATE INDEX IF NOT EXISTS messages_unposted ON messages (channel, number)
WHERE dirty = 1 AND failed IS NULL AND ts IS NULL;
CREATE INDEX IF NOT EXISTS messages_unedited ON messages (number)
WHERE dirty = 1 AND failed IS NULL AND ts IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_done ON messages (at) WHERE dirty = 0;
CREATE INDEX IF NOT EXISTS gates_at ON gates (at);
"""
_IF_DAMAGED = (
    "stop floe and move it away: messages in Slack stay as they are, and requests of the last "
    "moments can be made again"
)


class BotStore:
    """
    One SQLite file, `bot.db` in the state directory; loses nothing that was committed.

    Whatever goes wrong with it is a StoreUnavailableError. Losing the file loses no promotion:
    messages in Slack stay as they are.
    """

    def __init__(self, directory: Path) -> None:
        self._file = SqliteDatabase(
            directory / FILE_NAME,
            "the bot's store",
            _APPLICATION_ID,
            (_TABLES, _INDEXES),
            _IF_DAMAGED,
            unmarked_table="inbox",
        )
        self._turns = Turns()
        self._db = Database(self._file.open(), recursive_triggers=False, execute_plugins=False)
        # What is deleted is gone from the file too: response_urls are secrets.
        self._db.execute("PRAGMA secure_delete = ON")

    @contextmanager
    def transaction(self, *, first: bool = False) -> Iterator[Database]:
        """
        Everything or nothing; inside another one it is part of that one. `first`: somebody waits
        for it, so it goes before those that nobody waits for.
        """
        with self._turns.hold(first=first) as outermost, self._file.translated_errors():
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
