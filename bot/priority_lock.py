"""A lock that urgent threads acquire before others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PriorityLock:
    """
    A reentrant lock with two queues.

    A plain lock wakes any waiting thread, so with many threads an urgent one can wait very long.
    """

    def __init__(self) -> None:
        lock = threading.Lock()
        self._urgent_queue, self._other_queue = threading.Condition(lock), threading.Condition(lock)
        self._holder: int | None = None
        self._urgent_waiters = 0

    @property
    def urgent_waiters(self) -> int:
        """The number of urgent threads that wait."""
        return self._urgent_waiters

    @contextmanager
    def hold(self, *, urgent: bool = False) -> Iterator[bool]:
        """Hold the lock; yields False if this thread already holds it."""
        if self._holder == threading.get_ident():
            yield False
            return
        self._acquire(urgent=urgent)
        try:
            yield True
        finally:
            self._release()

    def _acquire(self, *, urgent: bool) -> None:
        queue = self._urgent_queue if urgent else self._other_queue
        with queue:
            self._urgent_waiters += urgent
            try:
                queue.wait_for(
                    lambda: self._holder is None and (urgent or not self._urgent_waiters)
                )
                self._holder = threading.get_ident()
            finally:
                self._urgent_waiters -= urgent

    def _release(self) -> None:
        with self._urgent_queue:
            self._holder = None
            # Waking one thread is enough, because every thread wakes the next one at its release.
            queue = self._urgent_queue if self._urgent_waiters else self._other_queue
            queue.notify()
