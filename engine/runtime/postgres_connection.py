"""Connections to a PostgreSQL server, each of whose answers has a deadline."""

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from engine.domain.errors import ConfigError, StoreUnavailableError
from engine.runtime.database import Rows, Values
from engine.runtime.postgres_errors import describe_postgres_error
from engine.runtime.wakeups import Topic

_CONNECT_SECONDS = 2
_POLL_SECONDS = 0.1
# A page asks for several things: after one of them was waited for, the others fail at once.
_DOWN_SECONDS = 0.5
_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
# A literal, a positional or a named parameter, or a character that means something to psycopg.
_MARKS = re.compile(r"'(?:[^']|'')*'|\?|:([a-z_]+)|%")


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that waits for at most `seconds`, also for a server that was stopped."""

    seconds: float = _CONNECT_SECONDS

    def wait(self, gen: Any, interval: float = _POLL_SECONDS, timeout: float | None = None) -> Any:
        limit = self.seconds if timeout is None else min(timeout, self.seconds)
        return super().wait(gen, interval, limit)


class PostgresConnection:
    """Implements `engine.runtime.database.Connection` on a connection of psycopg."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection
        self._announced: set[Topic] = set()

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        rows: Rows = self._connection.execute(_translated(statement), _plain(values))
        return rows

    def executemany(self, statement: str, rows: Iterable[Values], /) -> None:
        # psycopg's own uses the pipeline of libpq, which older poolers do not support.
        for values in rows:
            self.execute(statement, values)

    def announce(self, topic: Topic, /) -> None:
        self._announced.add(topic)

    def commit(self) -> bool:
        """Commit in one exchange with all announcements; return whether the server committed."""
        notify = "".join(
            f"SELECT pg_notify(current_schema(), '{topic}');" for topic in sorted(self._announced)
        )
        done = self._connection.execute(f"{notify}COMMIT".encode())
        while done.nextset():
            pass
        return done.statusmessage == "COMMIT"


class PostgresServer:
    """
    The server at `url`, a connection URI of libpq. Nothing is opened before it is used.

    Up to `most` connections are in use, and `kept` stay open. Every wait ends after `wait_seconds`.
    Works through a pooler in transaction mode: no setting outlives its transaction.
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
        self.address = _address(url)

    @contextmanager
    def transaction(
        self, opening: str, *, seconds: float | None = None
    ) -> Iterator[PostgresConnection]:
        """
        Run a transaction that the statements of `opening` begin.

        An idle connection that was cut is replaced once, before the transaction begins. When the
        server does not answer, transactions that begin in the next half second fail at once.
        """
        until, problem = self._down
        if time.monotonic() < until:
            raise self.unavailable(problem)
        if not self._free.acquire(timeout=self.wait_seconds):
            raise self.unavailable("has no free connection: all are in use. Try again")
        try:
            with self.translated_errors():
                connection = self._begin(opening, seconds)
                lent = PostgresConnection(connection)
                try:
                    yield lent
                except BaseException:
                    self._abandon(connection)
                    raise
                self._commit(connection, lent)
        finally:
            self._free.release()

    def now(self) -> float:
        """Read the clock of the server, in seconds since 1970."""
        limit = int(self.wait_seconds * 1000)
        with self.transaction(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {limit}") as db:
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

    def _begin(self, opening: str, seconds: float | None) -> BoundedConnection:
        try:
            return self._opened(opening, seconds)
        except psycopg.Error as error:
            # One that was refused at once says nothing about the idle connections.
            if isinstance(error, psycopg.errors.ConnectionTimeout | psycopg.errors._WaitTimeout):
                problem = describe_postgres_error(error, self.wait_seconds)
                self._down = (time.monotonic() + _DOWN_SECONDS, problem)
            raise

    def _opened(self, opening: str, seconds: float | None) -> BoundedConnection:
        connection = self._take()
        if connection is not None:
            try:
                return _open(connection, opening, seconds or self.wait_seconds)
            except psycopg.OperationalError as error:
                broken = connection.broken
                connection.close()
                if not isinstance(error, psycopg.errors.LockNotAvailable):
                    # The others are as old, and would cost the same wait one by one.
                    self._close_idle()
                if not broken:
                    raise
        connection = self.connect()
        try:
            return _open(connection, opening, seconds or self.wait_seconds)
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
        )
        return made

    def _commit(self, connection: BoundedConnection, lent: PostgresConnection) -> None:
        try:
            done = lent.commit()
        except psycopg.Error as error:
            connection.close()
            raise self.unavailable(
                "did not confirm the last step, so it is unknown whether it was stored: check "
                "before you repeat it"
            ) from error
        if not done:
            connection.close()
            raise self.unavailable("rolled the transaction back: try again")
        self._give(connection)

    def _abandon(self, connection: BoundedConnection) -> None:
        """Roll back where that is quick; closing the connection ends the transaction too."""
        if connection.info.transaction_status in (
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        ):
            with suppress(psycopg.Error):
                connection.execute(b"ROLLBACK")
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

    def _give(self, connection: BoundedConnection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < self._kept:
                self._idle.append(connection)
                return
        connection.close()


def _open(connection: BoundedConnection, opening: str, seconds: float) -> BoundedConnection:
    # A little longer than the server's own limits, whose errors say more.
    connection.seconds = seconds + 0.5
    connection.execute(opening.encode())
    return connection


def _address(url: str) -> str:
    """The server and database of `url`, as messages name it: never with the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The text of the error may contain the password.
        raise ConfigError(
            "state.url is not a connection URI: write postgresql://USER:PASSWORD@HOST:5432/DATABASE"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"PostgreSQL {host}{port}/{parts.get('dbname') or parts.get('user') or ''}"


@lru_cache(maxsize=512)
def _translated(statement: str) -> bytes:
    """Write parameters as psycopg expects them."""

    def mark(found: re.Match[str]) -> str:
        text, name = found.group(), found.group(1)
        if text == "?":
            return "%s"
        return f"%({name})s" if name else text.replace("%", "%%")

    return _MARKS.sub(mark, statement).encode()


def _plain(values: Values) -> Values:
    """Truth is 0 and 1 in the tables of both databases."""
    if isinstance(values, Mapping):
        return {name: _number(value) for name, value in values.items()}
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
