"""Holds a backend to its time, and to the one kind of error that stops a change."""

import logging
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, Queue
from types import TracebackType
from typing import Self, TypeVar

from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord
from engine.domain.text import printable
from engine.ports.audit_backend import AuditBackendPlugin

_log = logging.getLogger(__name__)
T = TypeVar("T")
# Records read that nobody has taken yet.
_AHEAD = 1000


class BoundedBackend(AuditBackendPlugin):
    """
    `backend` (called `name`), no call of which takes longer than `seconds`.

    A call that is given up goes on in a thread that holds nobody up. It may still succeed: then a
    record is kept whose change did not take effect, which repeating the change makes good.
    """

    def __init__(
        self, backend: AuditBackendPlugin, name: str, seconds: float, place: str = ""
    ) -> None:
        self.place = place
        self._backend = backend
        self._name = name
        self._seconds = seconds

    def append(self, record: AnyRecord) -> None:
        self._bounded("keep a record", lambda: self._backend.append(record))

    def keeps(self, kind: str) -> bool:
        return self._backend.keeps(kind)

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return self._bounded(
            f"give the history of {environment}",
            lambda: self._backend.query_history(environment, limit),
        )

    def records(self, environment: str) -> Generator[AnyRecord, None, None]:
        """However long it takes together, none of them may keep its reader waiting for longer."""
        told: Queue[AnyRecord | Future[None]] = Queue(_AHEAD)
        ended: Future[None] = Future()
        left = threading.Event()

        def run() -> None:
            with _Reported(ended):
                for record in self._backend.records(environment):
                    told.put(record)
                    if left.is_set():
                        return
                ended.set_result(None)
            told.put(ended)

        self._start(run)
        doing = f"go on with the history of {environment}"
        try:
            while not isinstance(record := self._told(told, doing), Future):
                yield record
            self._outcome(record, doing)
        finally:
            # Somebody may have had enough of them: who reads on is not kept in a full queue.
            left.set()
            while not told.empty():
                told.get()

    def _told(self, told: Queue[T], doing: str) -> T:
        try:
            return told.get(timeout=self._seconds)
        except Empty as silence:
            raise self._late(doing) from silence

    def close(self) -> None:
        """What took effect is kept by now: a command does not fail for how its backend ends."""
        try:
            self._bounded("close", self._backend.close)
        except AuditUnavailableError as error:
            _log.warning("%s", error)

    def _bounded(self, doing: str, call: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def run() -> None:
            with _Reported(answer):
                answer.set_result(call())

        self._start(run)
        return self._outcome(answer, doing)

    def _start(self, run: Callable[[], None]) -> None:
        # Not a pool: the interpreter waits for the threads of one before it ends.
        threading.Thread(target=run, name=f"audit-{self._name}", daemon=True).start()

    def _outcome(self, answer: "Future[T]", doing: str) -> T:
        try:
            error = answer.exception(self._seconds)
        except TimeoutError as timeout:
            raise self._late(doing) from timeout
        if error is None:
            return answer.result()
        if isinstance(error, AuditUnavailableError):
            raise error
        raise AuditUnavailableError(
            f"the audit backend {self._name} could not {doing} ({type(error).__name__}: "
            f"{printable(str(error))[:200]}): see to it and repeat"
        ) from error

    def _late(self, doing: str) -> AuditUnavailableError:
        return AuditUnavailableError(
            f"the audit backend {self._name} did not {doing} within {self._seconds:g} "
            "seconds: see to it and repeat"
        )


class _Reported:
    """Whatever is raised inside, and a plugin may raise anything, goes to who waits for it."""

    def __init__(self, answer: "Future[T]") -> None:
        self._fail = answer.set_exception

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._fail(error)
        return True
