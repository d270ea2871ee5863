"""Connections to a PostgreSQL server, each of whose answers has a deadline."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from engine.domain.errors import StoreUnavailableError
from engine.runtime.database import Rows, Values
from engine.runtime.postgres_errors import describe_postgres_error, server_address
from engine.runtime.postgres_statements import plain, translated
from engine.runtime.wakeups import Topic

_CONNECT_SECONDS = 2
_POLL_SECONDS = 0.1
# A page asks for several things: after one of them was waited for, the others fail at once.
_DOWN_SECONDS = 0.5
_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that waits for at most `seconds`, also for a server that was stopped."""

    seconds: float = _CONNECT_SECONDS

    def wait(self, gen: Any, interval: float = _POLL_SECONDS, timeout: float | None = None) -> Any:
        limit = self.seconds if timeout is None else min(timeout, self.seconds)
        return super().wait(gen, interval, limit)


class PostgresConnection:
    """
    Implements `engine.runtime.database.Connection` on the connection that `begin` returns.

    `opening` is sent together with the first statement of a transaction. With `single`, every
    statement is a transaction.
    """

    def __init__(
        self,
        begin: Callable[[str, Values], tuple[BoundedConnection, Rows]],
        opening: str,
        *,
        single: bool,
    ) -> None:
        self.connection: BoundedConnection | None = None
        self._begin = begin
        self._opening = opening.replace("%", "%%")
        self._single = single
        self._announced: set[Topic] = set()

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        text, values = translated(statement), plain(values)
        if self.connection is None:
            self.connection, rows = self._begin(f"{self._opening};{text}", values)
            return rows
        return _send(self.connection, f"{self._opening};{text}" if self._single else text, values)

    def executemany(self, statement: str, rows: Iterable[Values], /) -> None:
        # psycopg's own uses the pipeline of libpq, which older poolers do not support.
        for values in rows:
            self.execute(statement, values)

    def announce(self, topic: Topic, /) -> None:
        self._announced.add(topic)

    def commit(self) -> bool:
        """Commit in one exchange with all announcements; return whether the server committed."""
        notify = "".join(map(notification, sorted(self._announced)))
        if self.connection is None and not notify:
            return True
        done: Any = self.execute(f"{notify}COMMIT")
        return bool(done.statusmessage == "COMMIT")


class PostgresServer:
    """
    The server at `url`, a connection URI of libpq. Nothing is opened before it is used.

    Up to `most` connections are in use, and `kept` stay open. Every wait ends after `wait_seconds`.
    Works through a pooler in transaction mode: no setting outlives its transaction. Values are
    written into the statements here, because only the simple protocol sends several at once.
    """

    def __init__(self, url: str, *, wait_seconds: float = 3, most: int = 16, kept: int = 4) -> None:
        self._url = url
        self.wait_seconds = wait_seconds
        self._kept = kept
        self._free = threading.BoundedSemaphore(most)
        self._idle: list[BoundedConnection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._down: tuple[float, str] = (float("-inf"), "")
        self.address = server_address(url)

    @contextmanager
    def transaction(
        self, opening: str, *, seconds: float | None = None
    ) -> Iterator[PostgresConnection]:
        """
        Run a transaction that the statements of `opening` begin, together with the first one.

        An idle connection that was cut is replaced once, at the first statement. When the
        server does not answer, transactions that begin in the next half second fail at once.
        """
        with self._lend(opening, seconds, single=False) as lent:
            yield lent
            self._commit(lent)

    def statements(self, opening: str) -> AbstractContextManager[PostgresConnection]:
        """
        Run single statements, each in one exchange that starts with `opening`.

        After an idle connection was cut, the first one is sent again, so it may run twice.
        """
        return self._lend(opening, None, single=True)

    @contextmanager
    def _lend(
        self, opening: str, seconds: float | None, *, single: bool
    ) -> Iterator[PostgresConnection]:
        until, problem = self._down
        if time.monotonic() < until:
            raise self.unavailable(problem)
        if not self._free.acquire(timeout=self.wait_seconds):
            raise self.unavailable("has no free connection: all are in use. Try again")
        try:
            with self.translated_errors():
                begin = partial(self._begin, seconds or self.wait_seconds)
                lent = PostgresConnection(begin, opening, single=single)
                try:
                    yield lent
                except BaseException:
                    self._abandon(lent.connection)
                    raise
                self._give(lent.connection)
        finally:
            self._free.release()

    def now(self) -> float:
        """Read the clock of the server, in seconds since 1970."""
        limit = int(self.wait_seconds * 1000)
        opening = f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {limit}"
        with self.statements(opening) as db:
            found: float = db.execute(_CLOCK).fetchone()[0]
        return found

    def close(self) -> None:
        """Close idle connections now, and those in use when they are returned."""
        with self._lock:
            self._closed = True
        self._close_idle()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn errors of PostgreSQL into StoreUnavailableError."""
        try:
            yield
        except psycopg.Error as error:
            raise self.unavailable(describe_postgres_error(error, self.wait_seconds)) from error

    def unavailable(self, problem: str) -> StoreUnavailableError:
        return StoreUnavailableError(f"{self.address} {problem}", {"store": self.address})

    def _begin(
        self, seconds: float, statements: str, values: Values
    ) -> tuple[BoundedConnection, Rows]:
        try:
            return self._sent(seconds, statements, values)
        except psycopg.Error as error:
            # One that was refused at once says nothing about the idle connections.
            if isinstance(error, psycopg.errors.ConnectionTimeout | psycopg.errors._WaitTimeout):
                problem = describe_postgres_error(error, self.wait_seconds)
                self._down = (time.monotonic() + _DOWN_SECONDS, problem)
            raise

    def _sent(
        self, seconds: float, statements: str, values: Values
    ) -> tuple[BoundedConnection, Rows]:
        connection = self._take()
        if connection is not None:
            try:
                return connection, _send_first(connection, seconds, statements, values)
            except psycopg.OperationalError as error:
                broken = connection.broken
                connection.close()
                if not isinstance(error, psycopg.errors.LockNotAvailable):
                    # The others are as old, and would cost the same wait one by one.
                    self._close_idle()
                if not broken:
                    raise
            except BaseException:
                connection.close()
                raise
        connection = self.connect()
        try:
            return connection, _send_first(connection, seconds, statements, values)
        except BaseException:
            connection.close()
            raise

    def connect(self) -> BoundedConnection:
        """Open a connection that the caller closes."""
        made: BoundedConnection = BoundedConnection.connect(
            self._url,
            autocommit=True,
            # Prepared statements belong to a session, and a pooler lends sessions by transaction.
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS,
            client_encoding="UTF8",
            cursor_factory=psycopg.ClientCursor,
        )
        return made

    def _commit(self, lent: PostgresConnection) -> None:
        try:
            done = lent.commit()
        except psycopg.Error as error:
            raise self.unavailable(
                "did not confirm the last step, so it is unknown whether it was stored: check "
                "before you repeat it"
            ) from error
        if not done:
            raise self.unavailable("rolled the transaction back: try again")

    def _abandon(self, connection: BoundedConnection | None) -> None:
        """Roll back where that is quick; closing the connection ends the transaction too."""
        if connection is None:
            return
        status = connection.info.transaction_status
        with suppress(psycopg.Error):
            if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                connection.execute(b"ROLLBACK")
            elif status is not TransactionStatus.IDLE:
                connection.close()
                return
            self._give(connection)
            return
        connection.close()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> BoundedConnection | None:
        with self._lock:
            if self._closed:
                raise self.unavailable("was closed: floe is ending")
            return self._idle.pop() if self._idle else None

    def _give(self, connection: BoundedConnection | None) -> None:
        if connection is None:
            return
        with self._lock:
            if not self._closed and len(self._idle) < self._kept:
                self._idle.append(connection)
                return
        connection.close()


def notification(topic: Topic) -> str:
    return f"SELECT pg_notify(current_schema(), '{topic}');"


def _send_first(
    connection: BoundedConnection, seconds: float, statements: str, values: Values
) -> Rows:
    # A little longer than the server's own limits, whose errors say more.
    connection.seconds = seconds + 0.5
    return _send(connection, statements, values)


def _send(connection: BoundedConnection, statements: str, values: Values) -> Rows:
    """Send `statements` in one exchange; return the result of the last one."""
    result: Any = connection.execute(statements.encode(), values)
    while result.nextset():
        pass
    rows: Rows = result
    return rows
