"""A bounded set that evicts the items added longest ago."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LruSet(Generic[T]):
    """The `size` items added last; thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: dict[T, None] = {}
        self._lock = threading.Lock()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def add(self, item: T) -> None:
        """Add `item`, or make it the newest."""
        with self._lock:
            self._items.pop(item, None)
            self._items[item] = None
            if len(self._items) > self._size:
                del self._items[next(iter(self._items))]

    def discard(self, item: T) -> None:
        with self._lock:
            self._items.pop(item, None)
