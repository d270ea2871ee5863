"""A SQLite file of floe with its connections and its error messages."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from engine.domain.errors import AuditUnavailableError, StoreUnavailableError
from engine.runtime.database import Values
from engine.runtime.disk_errors import STATE_ACCESS, describe_sqlite_error, disk_fix
from engine.runtime.sqlite_file import FileConnection, UnsuitableDatabaseError, open_database
from engine.runtime.wakeups import Topic


@dataclass
class SqliteDatabase:
    """
    The SQLite file at `path`, called `name` in messages. Nothing is opened before it is used.

    Every failure is an `error_type` whose message names the file, the problem and the fix:
    `if_damaged` for damage, `elsewhere` for a file that floe cannot share or did not make, `access`
    for missing rights. Up to `kept` connections stay open: threads that use them come and go. With
    `secure_delete`, deleted content is overwritten in the file.
    """

    path: Path
    name: str
    application_id: int
    migrations: Sequence[str]
    if_damaged: str
    elsewhere: str = "point state.dir at a local directory of floe's own"
    access: str = STATE_ACCESS
    error_type: type[StoreUnavailableError | AuditUnavailableError] = StoreUnavailableError
    wait_seconds: float = 5
    kept: int = 8
    unmarked_table: str | None = None
    secure_delete: bool = False
    _idle: list[FileConnection] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def directory(self) -> Path:
        return self.path.parent

    def exists(self) -> bool:
        with self.translated_errors():
            return self.path.exists()

    def open(self) -> FileConnection:
        """Open a connection that the caller closes."""
        with self.translated_errors():
            return open_database(
                self.path,
                self.application_id,
                self.migrations,
                wait_seconds=self.wait_seconds,
                unmarked_table=self.unmarked_table,
                secure_delete=self.secure_delete,
            )

    @contextmanager
    def read(self) -> Iterator[FileConnection]:
        """
        Lend a connection for single statements, each of which sees one moment. An error costs the
        connection: closing it ends its transaction and its locks.
        """
        with self.translated_errors():
            connection = self._take()
            try:
                yield connection
            except ValidationError as error:
                connection.close()
                raise self.unavailable(
                    f"holds data that this floe cannot read: use the floe that wrote it, or "
                    f"{self.if_damaged}"
                ) from error
            except BaseException:
                connection.close()
                raise
            self._give(connection)

    @contextmanager
    def write(self) -> Iterator[FileConnection]:
        """
        Run a transaction. It excludes the writers of all processes from its start, so that its
        reads are still true when it writes. Once this returns, its writes survive kill -9.
        """
        with self.read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def append(self) -> AbstractContextManager[FileConnection]:
        """A file has one writer at a time."""
        return self.write()

    def apply(self, statement: str, values: Values = (), topic: Topic | None = None, /) -> int:
        with self.write() as connection:
            if topic is not None:
                connection.announce(topic)
            return connection.execute(statement, values).rowcount

    @contextmanager
    def read_only(self) -> Iterator[FileConnection]:
        """
        Lend a connection that needs no space on the disk and no right to write.

        It reads the main file as it is: without locks, and without the write-ahead log.
        """
        with self.translated_errors():
            uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
            connection = sqlite3.connect(uri, uri=True, factory=FileConnection)
            try:
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close idle connections now, and those in use when they are returned."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn errors of SQLite and of the file system into `error_type`."""
        try:
            yield
        except UnsuitableDatabaseError as error:
            raise self.unavailable(f"{error}: {self.elsewhere}") from error
        except sqlite3.Error as error:
            fact = describe_sqlite_error(
                self.path,
                error,
                wait_seconds=self.wait_seconds,
                if_damaged=self.if_damaged,
                access=self.access,
            )
            raise self.unavailable(fact) from error
        except OSError as error:
            fix = disk_fix(error, self.access)
            raise self.unavailable(f"cannot be opened: {error.strerror}; {fix}") from error

    def unavailable(self, problem: str) -> StoreUnavailableError | AuditUnavailableError:
        return self.error_type(f"{self.name} {self.path} {problem}", {"store": str(self.path)})

    def _take(self) -> FileConnection:
        with self._lock:
            if self._closed:
                raise self.unavailable("was closed: floe is ending")
            if self._idle:
                return self._idle.pop()
        return self.open()

    def _give(self, connection: FileConnection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < self.kept:
                self._idle.append(connection)
                return
        connection.close()
