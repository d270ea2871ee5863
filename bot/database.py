"""The bot's database: accepted actions, messages to send and their places in Slack."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from bot.priority_lock import PriorityLock
from engine.runtime.database import Connection, Database
from engine.runtime.sqlite_database import SqliteDatabase

FILE_NAME = "bot.db"
# "flob" in ASCII, which identifies the bot's files.
_APPLICATION_ID = 0x666C6F62
# A response_url is a secret: for half an hour it allows posting in the bot's name. Rows of `inbox`
# keep it until the action is done, rows of `answers` until the message is sent.
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
_GROUP_LOCKS = """
CREATE TABLE group_locks (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE group_lock_parts (
    lock_id TEXT NOT NULL,
    product TEXT NOT NULL,
    environment TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    locked_at TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    retry REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (lock_id, product)
);
CREATE INDEX group_lock_parts_place ON group_lock_parts (product, environment);
"""
_REVIEWS = """
CREATE TABLE reviews (
    record TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    document TEXT NOT NULL,
    channel TEXT NOT NULL,
    parent TEXT,
    at REAL NOT NULL,
    reminded INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX reviews_open ON reviews (place) WHERE ended = 0;
"""
_NOTICES = """
CREATE TABLE notices (
    key TEXT PRIMARY KEY,
    change_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    due REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX notices_open ON notices (due) WHERE done = 0;
CREATE INDEX notices_done ON notices (at) WHERE done = 1;
"""
MIGRATIONS = (_TABLES, _INDEXES, _GROUP_LOCKS, _REVIEWS, _NOTICES)
_IF_DAMAGED = (
    "stop floe and move it away: messages in Slack stay as they are, and commands of the last "
    "moments may have to be sent again"
)


def bot_database(directory: Path) -> SqliteDatabase:
    """Return the database `bot.db` in `directory`, which opens at its first use."""
    return SqliteDatabase(
        directory / FILE_NAME,
        "the bot's store",
        _APPLICATION_ID,
        MIGRATIONS,
        _IF_DAMAGED,
        unmarked_table="inbox",
        # Deleted data is overwritten in the file, because response_urls are secrets.
        secure_delete=True,
    )


class BotStore:
    """
    The tables of the bot in `database`; committed data survives a crash.

    Every failure is a StoreUnavailableError. Promotions are not lost with the tables, and messages
    in Slack stay as they are.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        """`now` is the clock of all servers that share the database, in seconds since 1970."""
        self._database = database
        self.now = now
        self._lock = PriorityLock()
        self._joined = threading.local()
        # An unusable database fails here, before the bot starts.
        with self.transaction() as db:
            db.execute("SELECT 1")

    @contextmanager
    def transaction(self, *, urgent: bool = False) -> Iterator[Connection]:
        """
        Run an atomic transaction, or join the one of this thread.

        `urgent` transactions, on which a person waits, go before background work.
        """
        if (joined := self._joined_connection) is not None:
            yield joined
            return
        # A person does not wait until a server has done the background work of all replicas.
        begin = self._database.append if urgent else self._database.write
        with self._turn(urgent=urgent), begin() as db:
            self._joined.connection = db
            try:
                yield db
            finally:
                self._joined.connection = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection for single statements, or that of this thread's transaction."""
        if (joined := self._joined_connection) is not None:
            yield joined
            return
        with self._database.read() as db:
            yield db

    @property
    def _joined_connection(self) -> Connection | None:
        return getattr(self._joined, "connection", None)

    def _turn(self, *, urgent: bool) -> AbstractContextManager[object]:
        """
        Wait for a turn among the threads of this process, for as long as it takes: a wait for other
        processes ends soon. On a server, urgent transactions do not wait.
        """
        alone = urgent and self._database.directory is None
        return nullcontext() if alone else self._lock.hold(urgent=urgent)

    def read_fact(self, name: str) -> str | None:
        with self.read() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else None

    def write_fact(self, name: str, value: str) -> None:
        with self.transaction() as db:
            db.execute(
                "INSERT INTO facts (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )

    def close(self) -> None:
        with self._lock.hold():
            self._database.close()
