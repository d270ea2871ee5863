"""A lock on which whoever cannot wait goes before whoever can."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """
    One thread at a time, and again inside of its own turn. A plain lock lets any of those who wait
    go next: with many of them somebody may be passed over again and again.
    """

    def __init__(self) -> None:
        lock = threading.Lock()
        self._first, self._others = threading.Condition(lock), threading.Condition(lock)
        self._holder: int | None = None
        self._urgent = 0

    @property
    def urgent(self) -> int:
        """How many wait to go first."""
        return self._urgent

    @contextmanager
    def hold(self, *, first: bool = False) -> Iterator[bool]:
        """Whether it is the outermost turn of this thread; `first`: before all that are not."""
        if self._holder == threading.get_ident():
            yield False
            return
        self._begin(first=first)
        try:
            yield True
        finally:
            self._end()

    def _begin(self, *, first: bool) -> None:
        queue = self._first if first else self._others
        with queue:
            self._urgent += first
            try:
                queue.wait_for(lambda: self._holder is None and (first or not self._urgent))
                self._holder = threading.get_ident()
            finally:
                self._urgent -= first

    def _end(self) -> None:
        with self._first:
            self._holder = None
            # One is enough: whoever it is wakes the next one, and so does who comes in between.
            queue = self._first if self._urgent else self._others
            queue.notify()
