"""Connections to the store's file: opened when first needed, never used by two threads at once."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from engine.adapters.store.failures import translated, unavailable

if TYPE_CHECKING:
    from sqlite_utils import Database

# Gates run in threads that come and go, so connections outlive the threads that use them.
_KEPT = 8


class Connections:
    """
    A pool. Whatever goes wrong with SQLite is a StoreUnavailableError, and costs the connection it
    went wrong on: closing it ends its transaction and its locks.
    """

    def __init__(
        self, path: Path, wait_seconds: float, steps: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._wait_seconds = wait_seconds
        self._steps = steps
        self._idle: list[Database] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator["Database"]:
        """For single statements: each sees one moment."""
        with translated(self._path, self._wait_seconds):
            db = self._take()
            try:
                yield db
            except BaseException:
                db.close()
                raise
            self._give(db)

    @contextmanager
    def write(self) -> Iterator["Database"]:
        """
        A transaction, alone among all writers of all processes from its first statement on, so
        that what it reads is still so when it writes. It survives kill -9 once this has ended.
        """
        with self.read() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def close(self) -> None:
        """Connections in use are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> "Database":
        with self._lock:
            if self._closed:
                raise unavailable(self._path, "was closed: floe is ending")
            if self._idle:
                return self._idle.pop()
        # Loading sqlite-utils takes longer than a promotion does that needs no store.
        opening = import_module("engine.adapters.store.opening")
        opened: Database = opening.open_database(self._path, self._wait_seconds, self._steps)
        return opened

    def _give(self, db: "Database") -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _KEPT:
                self._idle.append(db)
                return
        db.close()


def remove_database(path: Path) -> None:
    """Take a database away, with what SQLite keeps beside it; nothing may have it open."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
