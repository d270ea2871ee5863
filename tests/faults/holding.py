"""A proxy before a registry that holds one request, as if its sender were suspended before it."""

from collections.abc import Callable
from threading import Event

from tests.peers.fake_http import Cut, Reply, Request
from tests.peers.proxy import Proxy

SECONDS = 60
Chosen = Callable[[int, Request], bool]


class HoldingProxy(Proxy):
    """Holds the first request that `hold` chooses, until `release` or `drop`."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self._chosen: Chosen | None = None
        self._dropped = False
        self.arrived, self._released = Event(), Event()

    def hold(self, chosen: Chosen) -> None:
        """Hold the first request for which `chosen` is true; it gets its number from now, too."""
        self._count, self._chosen, self._dropped = 0, chosen, False
        self.arrived, self._released = Event(), Event()

    def release(self) -> None:
        self._released.set()

    def drop(self) -> None:
        """Let the held request never reach the registry."""
        self._dropped = True
        self._released.set()

    def _decide(self, request: Request) -> Reply | Cut:
        # Requests are passed on side by side, as the registry would answer them.
        with self._lock:
            self._count += 1
            held = self._chosen is not None and self._chosen(self._count, request)
            if held:
                self._chosen = None
        if held:
            self.arrived.set()
            assert self._released.wait(SECONDS)
            if self._dropped:
                return Cut.BEFORE
        return self._pass_on(request)
