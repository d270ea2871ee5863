"""A limit on long-running requests."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

from engine.domain.errors import UnavailableError

Kind = Literal["export", "lock", "operation", "preview", "reading", "request"]
# Each one occupies a thread of the server. Each kind has its own places, so that slow readers
# delay no lock.
_places: Mapping[Kind, threading.BoundedSemaphore] = {
    each: threading.BoundedSemaphore(3) for each in get_args(Kind)
}


class BusyError(UnavailableError):
    """Too many long-running requests."""

    reason_code = "busy"


@contextmanager
def limit_concurrency(kind: Kind) -> Iterator[None]:
    """Run the block as one of a few long requests; BusyError when all places are taken."""
    places = _places[kind]
    if not places.acquire(blocking=False):
        raise BusyError("The server is busy with other long requests: try again later")
    try:
        yield
    finally:
        places.release()
