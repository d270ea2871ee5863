"""Every kind of database for the tests of stores."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from engine.adapters.store.migrations import MIGRATIONS, state_database
from engine.runtime.database import Database

_schemas = count(1)


def new_schema() -> str:
    """The name of a schema that no other test uses."""
    return f"test_{os.getpid()}_{next(_schemas)}"


@dataclass
class Databases:
    """
    Opens databases that share their content: the files of `folder`, or a schema at `url`.

    Each has connections of its own, as in another process.
    """

    folder: Path
    url: str | None = None
    schema: str = field(default_factory=new_schema)
    _opened: list[Database] = field(default_factory=list)

    def state(self, wait_seconds: float = 30) -> Database:
        return self._open(
            lambda: state_database(self.folder, wait_seconds), "changes", MIGRATIONS, wait_seconds
        )

    def close(self) -> None:
        for database in self._opened:
            database.close()

    def _open(
        self,
        file: Callable[[], Database],
        kind: str,
        migrations: Sequence[str],
        wait_seconds: float,
    ) -> Database:
        if self.url is None:
            opened = file()
        else:
            # An extra, without which the tests on files still run.
            from engine.runtime.postgres_connection import PostgresServer
            from engine.runtime.postgres_database import PostgresDatabase

            server = PostgresServer(self.url, wait_seconds=wait_seconds)
            opened = PostgresDatabase(server, self.schema, kind, migrations)
        self._opened.append(opened)
        return opened
