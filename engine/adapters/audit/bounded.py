"""Holds a backend to its time, and to the one kind of error that stops a change."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from engine.auditing import AuditBackendPlugin
from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord
from engine.domain.text import printable

T = TypeVar("T")


class BoundedBackend(AuditBackendPlugin):
    """
    `backend` (called `name`), no call of which takes longer than `seconds`.

    A call that is given up goes on in a thread that holds nobody up. It may still succeed: then a
    record is kept whose change did not take effect, which repeating the change makes good.
    """

    def __init__(self, backend: AuditBackendPlugin, name: str, seconds: float) -> None:
        self._backend = backend
        self._name = name
        self._seconds = seconds

    def append(self, record: AnyRecord) -> None:
        self._bounded("keep a record", lambda: self._backend.append(record))

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return self._bounded(
            f"give the history of {environment}",
            lambda: self._backend.query_history(environment, limit),
        )

    def close(self) -> None:
        self._bounded("close", self._backend.close)

    def _bounded(self, doing: str, call: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def run() -> None:
            with _Reported(answer):
                answer.set_result(call())

        # Not a pool: the interpreter waits for the threads of one before it ends.
        threading.Thread(target=run, name=f"audit-{self._name}", daemon=True).start()
        try:
            error = answer.exception(self._seconds)
        except TimeoutError as timeout:
            raise AuditUnavailableError(
                f"the audit backend {self._name} did not {doing} within {self._seconds:g} "
                "seconds: see to it and repeat"
            ) from timeout
        if error is None:
            return answer.result()
        if isinstance(error, AuditUnavailableError):
            raise error
        raise AuditUnavailableError(
            f"the audit backend {self._name} could not {doing} ({type(error).__name__}: "
            f"{printable(str(error))[:200]}): see to it and repeat"
        ) from error


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
