"""Work that takes long while somebody waits for the answer: a few at a time, the others later."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engine.domain.errors import UnavailableError

# Each holds a thread of the server.
_places = threading.BoundedSemaphore(4)


class BusyError(UnavailableError):
    """Too many long-running requests."""

    reason_code = "busy"


@contextmanager
def taking_long() -> Iterator[None]:
    """BusyError when too many are at it: who asks later is answered."""
    if not _places.acquire(blocking=False):
        raise BusyError("This server copies or runs gates for others already: ask again later")
    try:
        yield
    finally:
        _places.release()
