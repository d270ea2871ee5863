"""The database that stores use, whose two kinds understand the same SQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from engine.domain.errors import AuditUnavailableError, StoreUnavailableError
from engine.runtime.wakeups import Topic

Values = Sequence[Any] | Mapping[str, Any]


class Rows(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """
    Runs SQL that SQLite and PostgreSQL understand.

    Parameters are `?` or `:name`. Conflicts are resolved with `ON CONFLICT`, truth is 0 and 1, and
    a subquery in FROM has a name.
    """

    def execute(self, statement: str, values: Values = ..., /) -> Rows: ...
    def executemany(self, statement: str, rows: Iterable[Values], /) -> object: ...

    def announce(self, topic: Topic, /) -> None:
        """Wake loops of other processes for `topic` once this transaction is committed."""
        ...


class Database(Protocol):
    """The tables of one kind of store. Every failure is a StoreUnavailableError with its fix."""

    @property
    def directory(self) -> Path | None:
        """The state directory that contains the database; None for a server."""
        ...

    def exists(self) -> bool:
        """Whether a read can find anything. A file that does not exist is not created for it."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection for single statements, each of which sees one moment."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """
        Run a transaction that excludes other writers of this kind of store, so that its reads are
        still true when it writes. Once this returns, its writes survive kill -9.
        """
        ...

    def append(self) -> AbstractContextManager[Connection]:
        """
        Run a transaction beside other writers of this kind of store, where that is possible: for
        rows that do not depend on others. Once this returns, its writes survive kill -9.
        """
        ...

    def apply(self, statement: str, values: Values = ..., topic: Topic | None = ..., /) -> int:
        """
        Run one statement as a transaction beside other writers, and wake loops for `topic`; return
        the number of rows. The statement may run twice, after a lost connection.
        """
        ...

    def read_only(self) -> AbstractContextManager[Connection]:
        """Lend a connection that needs no space on the disk and no right to write."""
        ...

    def translated_errors(self) -> AbstractContextManager[None]:
        """Turn errors of the database into errors with a fix."""
        ...

    def unavailable(self, problem: str) -> StoreUnavailableError | AuditUnavailableError:
        """The error that the database has `problem`, a sentence without its subject."""
        ...

    def close(self) -> None: ...
