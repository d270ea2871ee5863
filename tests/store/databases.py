"""Every kind of database for the tests of stores."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bot.database import MIGRATIONS as BOT
from bot.database import bot_database
from engine.adapters.store import entry_claims
from engine.adapters.store.ended_sessions import MIGRATIONS as SESSIONS
from engine.adapters.store.ended_sessions import sessions_database
from engine.adapters.store.migrations import APPLICATION_ID, MIGRATIONS, state_database
from engine.adapters.store.record_tables import MIGRATIONS as RECORDS
from engine.adapters.store.record_tables import records_database
from engine.adapters.webhooks import MIGRATIONS as OUTBOX
from engine.adapters.webhooks import outbox_database
from engine.runtime.database import Database
from engine.runtime.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from engine.runtime.postgres_connection import PostgresServer

_schemas = count(1)


def new_schema() -> str:
    """The name of a schema that no other test uses."""
    return f"test_{os.getpid()}_{next(_schemas)}"


def entries_database(folder: Path) -> SqliteDatabase:
    """A file with claims of ledger entries, which only tests use."""
    path = folder / "entries.db"
    return SqliteDatabase(path, "the claims", APPLICATION_ID, entry_claims.MIGRATIONS, "remove it")


@dataclass
class Databases:
    """
    Opens databases that share their content: the files of `folder`, or a schema at `url`.

    Each has connections of its own, as in another process.
    """

    folder: Path
    url: str | None = None
    schema: str = field(default_factory=new_schema)
    _opened: "list[Database | PostgresServer]" = field(default_factory=list)

    def state(self, wait_seconds: float = 30) -> Database:
        return self._open(
            lambda: state_database(self.folder, wait_seconds), "changes", MIGRATIONS, wait_seconds
        )

    def records(self) -> Database:
        return self._open(lambda: records_database(self.folder), "records", RECORDS)

    def outbox(self) -> Database:
        return self._open(lambda: outbox_database(self.folder), "outbox", OUTBOX)

    def bot(self, wait_seconds: float = 30) -> Database:
        return self._open(lambda: bot_database(self.folder), "bot", BOT, wait_seconds)

    def sessions(self) -> Database:
        return self._open(lambda: sessions_database(self.folder), "sessions", SESSIONS)

    def entries(self) -> Database:
        """The claims of ledger entries, which floe itself keeps on a server only."""
        return self._open(lambda: entries_database(self.folder), "entries", entry_claims.MIGRATIONS)

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    def _open(
        self,
        file: Callable[[], Database],
        kind: str,
        migrations: Sequence[str],
        wait_seconds: float = 30,
    ) -> Database:
        if self.url is None:
            opened = file()
            self._opened.append(opened)
            return opened
        # An extra, without which the tests on files still run.
        from engine.runtime.postgres_connection import PostgresServer
        from engine.runtime.postgres_database import PostgresDatabase

        server = PostgresServer(self.url, wait_seconds=wait_seconds)
        self._opened.append(server)
        return PostgresDatabase(server, self.schema, kind, migrations)
