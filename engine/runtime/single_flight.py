"""Limits threads that wait for a slow server: one attempt at a time, few waiters."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.domain.errors import IdentityUnavailableError

# Usually enough for an issuer to answer.
_PATIENCE_SECONDS = 1.0
_WAITING = 8


class SingleFlight:
    """
    Lets one thread try while a few others wait for it for a short time.

    All others get IdentityUnavailableError with the message `busy` at once.
    """

    def __init__(self, busy: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._busy = busy
        self._patience_seconds = patience_seconds
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._began = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to try. Callers check first whether a previous thread got the result."""
        if not self._turn.acquire(blocking=False):
            self._wait()
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._turn.release()

    def _wait(self) -> None:
        if not self._waiting.acquire(blocking=False):
            raise IdentityUnavailableError(self._busy)
        try:
            left = self._began + self._patience_seconds - time.monotonic()
            if not self._turn.acquire(timeout=max(left, 0)):
                raise IdentityUnavailableError(self._busy)
        finally:
            self._waiting.release()


@contextmanager
def limited(places: threading.Semaphore, busy: str) -> Iterator[None]:
    """Hold one of `places`; if all are taken, raise IdentityUnavailableError with `busy`."""
    if not places.acquire(blocking=False):
        raise IdentityUnavailableError(busy)
    try:
        yield
    finally:
        places.release()
