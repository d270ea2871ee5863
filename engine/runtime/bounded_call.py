"""Calls foreign code, which may hang or raise anything, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.2


class ErrorTransfer:
    """Passes every exception of the block to `answer`; a plug-in may raise any kind."""

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


def begin_call(call: Callable[[], T], name: str) -> "Future[T]":
    """Start `call` in a daemon thread called `name`; it goes on if no one waits for it."""
    answer: Future[T] = Future()

    def run() -> None:
        with ErrorTransfer(answer):
            answer.set_result(call())

    # No thread pool: the interpreter would wait for its threads at exit.
    threading.Thread(target=run, name=name, daemon=True).start()
    return answer


def await_answer(answer: "Future[T]", seconds: float, stop: threading.Event) -> "Future[T] | None":
    """Return `answer` once it is there; None after `seconds`, or once `stop` is set."""
    end = time.monotonic() + seconds
    while not answer.done():
        left = end - time.monotonic()
        if left <= 0 or stop.is_set():
            return None
        try:
            answer.exception(min(left, _LOOK_SECONDS))
        except TimeoutError:
            continue
    return answer
