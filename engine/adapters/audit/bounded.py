"""Limits the time of an audit backend's calls, and turns its errors into AuditUnavailableError."""

import logging
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, Queue
from typing import TypeVar

from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord
from engine.domain.text import printable
from engine.ports.audit_backend import AuditBackendPlugin
from engine.runtime.bounded_call import ErrorTransfer, begin_call

_log = logging.getLogger(__name__)
T = TypeVar("T")
# The most records read ahead of the consumer.
_AHEAD = 1000


class BoundedBackend(AuditBackendPlugin):
    """
    Wraps `backend`, configured as `name`: every call ends within `seconds`.

    A call that timed out continues in a daemon thread. It may still succeed: the backend then has
    a record of a change that did not take effect, and repeating the change corrects that.
    """

    def __init__(
        self, backend: AuditBackendPlugin, name: str, seconds: float, place: str = ""
    ) -> None:
        self.place = place
        self._backend = backend
        self._name = name
        self._seconds = seconds

    def append(self, record: AnyRecord) -> None:
        self._call("store the record", lambda: self._backend.append(record))

    def keeps(self, kind: str) -> bool:
        return self._backend.keeps(kind)

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return self._call(
            f"read the history of {environment}",
            lambda: self._backend.query_history(environment, limit),
        )

    def records(self, environment: str) -> Generator[AnyRecord, None, None]:
        """Yield every record; the limit is for each record and not for all of them."""
        received: Queue[AnyRecord | Future[None]] = Queue(_AHEAD)
        end: Future[None] = Future()
        abandoned = threading.Event()

        def run() -> None:
            with ErrorTransfer(end):
                for record in self._backend.records(environment):
                    received.put(record)
                    if abandoned.is_set():
                        return
                end.set_result(None)
            received.put(end)

        self._start(run)
        action = f"read the next record of {environment}"
        try:
            while not isinstance(record := self._next(received, action), Future):
                yield record
            self._result(record, action)
        finally:
            # The consumer may stop early: emptying the queue lets a blocked reading thread end.
            abandoned.set()
            while not received.empty():
                received.get()

    def _next(self, received: Queue[T], action: str) -> T:
        try:
            return received.get(timeout=self._seconds)
        except Empty as error:
            raise self._timeout(action) from error

    def close(self) -> None:
        """Close the backend; an error is only logged, since all records are stored by now."""
        try:
            self._call("close", self._backend.close)
        except AuditUnavailableError as error:
            _log.warning("%s", error)

    def _call(self, action: str, call: Callable[[], T]) -> T:
        return self._result(begin_call(call, f"audit-{self._name}"), action)

    def _start(self, run: Callable[[], None]) -> None:
        # No thread pool: the interpreter would wait for its threads at exit.
        threading.Thread(target=run, name=f"audit-{self._name}", daemon=True).start()

    def _result(self, answer: "Future[T]", action: str) -> T:
        try:
            error = answer.exception(self._seconds)
        except TimeoutError as timeout:
            raise self._timeout(action) from timeout
        if error is None:
            return answer.result()
        if isinstance(error, AuditUnavailableError):
            raise error
        raise AuditUnavailableError(
            f"audit backend {self._name} could not {action} ({type(error).__name__}: "
            f"{printable(str(error))[:200]}). Check the backend and run the command again"
        ) from error

    def _timeout(self, action: str) -> AuditUnavailableError:
        return AuditUnavailableError(
            f"audit backend {self._name} did not {action} within {self._seconds:g} "
            "seconds. Check the backend and run the command again"
        )
