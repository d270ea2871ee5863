"""Renders a part of a page once for all viewers who ask for it at the same time."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future


class SharedView:
    """
    Shares renderings by key, at most one at a time.

    Each viewer gets a rendering that began after the request, so its content is as new as without
    sharing. A thousand simultaneous viewers cost two renderings.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[str]] = {}
        self._next: dict[Hashable, Future[str]] = {}

    def get(self, key: Hashable, render: Callable[[], str]) -> str:
        """Return a rendering of `key`, which another thread may make; its errors are raised."""
        with self._lock:
            running, shared = self._running.get(key), self._next.get(key)
            mine: Future[str] | None = None
            if shared is None:
                mine = shared = Future()
                (self._next if running else self._running)[key] = mine
        if mine is None:
            return shared.result()
        if running is not None:
            running.exception()
            with self._lock:
                self._running[key] = self._next.pop(key)
        try:
            mine.set_result(render())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                # Otherwise the next rendering takes its place, or has taken it.
                if key not in self._next and self._running.get(key) is mine:
                    del self._running[key]
        return mine.result()
