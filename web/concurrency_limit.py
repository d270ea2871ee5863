"""A limit on long-running requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engine.domain.errors import UnavailableError

# Each one occupies a thread of the server.
_places = threading.BoundedSemaphore(4)


class BusyError(UnavailableError):
    """Too many long-running requests."""

    reason_code = "busy"


@contextmanager
def limit_concurrency() -> Iterator[None]:
    """Run the block as one of a few long requests; BusyError when all places are taken."""
    if not _places.acquire(blocking=False):
        raise BusyError("The server is busy with other long requests: try again later")
    try:
        yield
    finally:
        _places.release()
