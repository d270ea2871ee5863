"""One attempt at a time, for threads that must not all wait for somebody who does not answer."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.domain.errors import IdentityUnavailableError

# An issuer that is well answers within this.
_PATIENCE_SECONDS = 1.0
_WAITING = 8


class SingleFlight:
    """
    Lets one thread try, and a few others wait for it as long as its attempt is young.

    `busy` is the sentence for the rest, who are refused at once with IdentityUnavailableError.
    """

    def __init__(self, busy: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._busy = busy
        self._patience_seconds = patience_seconds
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._began = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to try. Who waited for it looks first whether the other one has the answer."""
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
    """One of `places`, or IdentityUnavailableError with the sentence `busy`, at once."""
    if not places.acquire(blocking=False):
        raise IdentityUnavailableError(busy)
    try:
        yield
    finally:
        places.release()
