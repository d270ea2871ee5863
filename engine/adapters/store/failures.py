"""What SQLite refuses, as one sentence that names the file, the fact and the way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from engine.domain.errors import StoreUnavailableError

# What is lost with the file, so that nobody fears for history (architecture, "State").
_START_ANEW = (
    "stop what uses it and move it away: history is in the registry, and what was in flight can "
    "be asked for again"
)
_NOT_OURS = f"is damaged, or no database: {_START_ANEW}"
_NO_RIGHT = "cannot be written: point state.dir at a directory this user may write"
_BUSY = "is being written by others and was not free within {wait:g} seconds: try again"
_FACTS = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _NOT_OURS,
    sqlite3.SQLITE_NOTADB: _NOT_OURS,
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: free some space and repeat",
    sqlite3.SQLITE_READONLY: _NO_RIGHT,
    sqlite3.SQLITE_CANTOPEN: _NO_RIGHT,
    sqlite3.SQLITE_PERM: _NO_RIGHT,
    sqlite3.SQLITE_IOERR: "cannot be read or written ({name}): see to its disk and repeat",
}
_PRIMARY = 0xFF


@contextmanager
def translated(path: Path, wait_seconds: float) -> Iterator[None]:
    """Turns errors of SQLite, and content that cannot be read, into StoreUnavailableError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        fact = _FACTS.get(code, "cannot be used ({error}): see to it and repeat")
        said = fact.format(wait=wait_seconds, name=name, error=error)
        raise unavailable(path, said) from error
    except ValidationError as error:
        fact = "holds what this floe cannot read: use the one that wrote it, or "
        raise unavailable(path, fact + _START_ANEW) from error


def unavailable(path: Path, fact: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"the store {path} {fact}", {"store": str(path)})
