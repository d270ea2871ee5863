"""What SQLite refuses, as one sentence that names the file, the fact and the way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from engine.adapters.disks import database_fact
from engine.domain.errors import StoreUnavailableError

# What is lost with the file, so that nobody fears for history (architecture, "State").
_START_ANEW = (
    "stop what uses it and move it away: history is in the registry, and what was in flight can "
    "be asked for again"
)
_DAMAGED = f"is damaged, or no database: {_START_ANEW}"


@contextmanager
def translated(path: Path, wait_seconds: float) -> Iterator[None]:
    """Turns errors of SQLite, and content that cannot be read, into StoreUnavailableError."""
    try:
        yield
    except sqlite3.Error as error:
        busy = (
            f"is being written by others and was not free within {wait_seconds:g} seconds: "
            "try again"
        )
        facts = {
            sqlite3.SQLITE_BUSY: busy,
            sqlite3.SQLITE_LOCKED: busy,
            sqlite3.SQLITE_CORRUPT: _DAMAGED,
            sqlite3.SQLITE_NOTADB: _DAMAGED,
        }
        raise unavailable(path, database_fact(path, error, facts)) from error
    except ValidationError as error:
        fact = "holds what this floe cannot read: use the one that wrote it, or "
        raise unavailable(path, fact + _START_ANEW) from error


def unavailable(path: Path, fact: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"the store {path} {fact}", {"store": str(path)})
