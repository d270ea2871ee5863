"""What was met last: a set that forgets, so that a server does not grow as long as it runs."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """At most `most` of what was added, the newest; several threads may use it at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[T, None] = {}
        self._lock = threading.Lock()

    def __contains__(self, item: object) -> bool:
        return item in self._kept

    def add(self, item: T) -> None:
        """The newest from here on, also if it was there."""
        with self._lock:
            self._kept.pop(item, None)
            self._kept[item] = None
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def discard(self, item: T) -> None:
        with self._lock:
            self._kept.pop(item, None)
