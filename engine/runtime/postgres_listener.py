"""Deliver the announcements of transactions to the loops of this process (LISTEN and NOTIFY)."""

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import closing, contextmanager

from engine.domain.errors import StoreUnavailableError
from engine.runtime.background import keep_running
from engine.runtime.postgres_connection import BoundedConnection, PostgresServer
from engine.runtime.wakeups import Topic

_log = logging.getLogger(__name__)
# Between polls of a loop that announcements wake, spread so that servers do not poll at once.
_RARE_SECONDS = (10.0, 15.0)
# A connection that was cut without a message is noticed by the next probe.
_PROBE_SECONDS = 10.0
_ANSWER_SECONDS = 2.0
_RETRY_SECONDS = 5.0
_STOP_SECONDS = 0.5
_NOT_DELIVERED = (
    "does not deliver notifications, so servers poll it: set state.listen_url to its direct "
    "address if a pooler is in between"
)


class PostgresListener:
    """
    Implements `engine.runtime.wakeups.Wakeups` with one connection to `direct`, the address of
    the server itself.

    A probe through `server` proves again and again that announcements in `schema` arrive. Until it
    does, and after it failed, `pause` lets all loops poll as often as they would without wakeups.
    """

    def __init__(self, server: PostgresServer, direct: PostgresServer, schema: str) -> None:
        self._server = server
        self._direct = direct
        self._schema = schema
        self._subscribers: list[tuple[Topic, Callable[[], object]]] = []
        self._delivered = False
        self._problem: str | None = None
        self._stopping = threading.Event()

    def subscribe(self, topic: Topic, wake: Callable[[], object]) -> None:
        self._subscribers.append((topic, wake))

    def pause(self, seconds: float) -> float:
        if not self._delivered:
            return seconds
        return max(seconds, random.uniform(*_RARE_SECONDS))  # noqa: S311 - no secret

    @contextmanager
    def delivered(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, name="floe-listener", daemon=True)
        self._stopping.clear()
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with keep_running("announcements not received", self._stopping.wait, _RETRY_SECONDS):
                try:
                    self._listen()
                except StoreUnavailableError as error:
                    self._report(str(error))
                    self._stopping.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        with self._direct.translated_errors(), closing(self._direct.connect()) as made:
            self._refuse_pooler(made)
            made.execute(f'LISTEN "{self._schema}"'.encode())
            try:
                while not self._stopping.is_set():
                    self._probe(made)
                    self._set_delivered(True)
                    self._receive(made, _PROBE_SECONDS)
            finally:
                self._set_delivered(False)

    def _refuse_pooler(self, connection: BoundedConnection) -> None:
        """A pooler names another process, and LISTEN would stay on a session that it lends."""
        row = connection.execute(b"SELECT pg_backend_pid()").fetchone()
        if row is None or row[0] != connection.info.backend_pid:
            raise self._direct.unavailable(_NOT_DELIVERED)

    def _probe(self, connection: BoundedConnection) -> None:
        probe = secrets.token_hex(8)
        with self._server.statements("SET TRANSACTION READ WRITE") as db:
            db.execute("SELECT pg_notify(?, ?)", [self._schema, probe])
        arrived = self._receive(connection, _ANSWER_SECONDS, probe)
        if not arrived and not self._stopping.is_set():
            raise self._direct.unavailable(_NOT_DELIVERED)

    def _receive(
        self, connection: BoundedConnection, seconds: float, probe: str | None = None
    ) -> bool:
        """Wake subscribers for `seconds`, or until `probe` arrives; return whether it arrived."""
        end, arrived = time.monotonic() + seconds, False
        while not arrived and not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
            # Read to its end: several may have come in one packet.
            for each in connection.notifies(timeout=min(left, _STOP_SECONDS), stop_after=1):
                arrived = arrived or each.payload == probe
                self._wake({each.payload})
        return arrived

    def _wake(self, topics: Container[str]) -> None:
        for topic, wake in self._subscribers:
            if topic in topics:
                wake()

    def _set_delivered(self, delivered: bool) -> None:
        if delivered == self._delivered:
            return
        self._delivered = delivered
        if delivered:
            self._problem = None
        # Announcements were missed before it, and after it the loops must poll sooner.
        self._wake(set(Topic))

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem
