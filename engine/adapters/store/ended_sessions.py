"""The sessions of the page that were ended by signing out, and the tables of its people."""

from datetime import datetime
from pathlib import Path

from engine.adapters.store import favourites
from engine.adapters.store.rows import micros
from engine.runtime.database import Database
from engine.runtime.sqlite_database import SqliteDatabase
from engine.runtime.wakeups import Topic

_APPLICATION_ID = 0x666C6F73  # "flos"
_TABLES = """
CREATE TABLE ended_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    until INTEGER NOT NULL
);
"""
# Only append: the files of users were made by the released migrations.
MIGRATIONS = (_TABLES, favourites.TABLES)


def sessions_database(directory: Path) -> SqliteDatabase:
    """Return the database `sessions.db` in `directory`; no call leaves it open."""
    return SqliteDatabase(
        directory / "sessions.db",
        "the list of ended sessions",
        _APPLICATION_ID,
        MIGRATIONS,
        "stop its users and move it and web.key away, which signs everybody out",
        kept=0,
    )


class SqlEndedSessions:
    """Knows the ended sessions, each until it expires by itself. Any server may end one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self, session_id: str, now: datetime, until: datetime) -> None:
        """End the session, which expires at `until`; StoreUnavailableError if it is not stored."""
        with self._database.write() as db:
            db.execute("DELETE FROM ended_sessions WHERE until < ?", [micros(now)])
            db.execute(
                "INSERT INTO ended_sessions (id, until) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                [session_id, micros(until)],
            )
            db.announce(Topic.SESSIONS)

    def ended(self) -> frozenset[str]:
        """List the sessions that were ended; StoreUnavailableError if they cannot be read."""
        if not self._database.exists():
            return frozenset()
        with self._database.read() as db:
            rows = db.execute("SELECT id FROM ended_sessions").fetchall()
        return frozenset(session_id for (session_id,) in rows)
