"""The store's event feed, read once for all viewers."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

from engine.domain.errors import PromotionError
from engine.platform import Platform
from engine.runtime.background import keep_running
from engine.runtime.wakeups import Topic

_log = logging.getLogger(__name__)
_PAGE = 1000
_KEPT = 1000
_LOOK_SECONDS = 0.5
_TROUBLE_SECONDS = 5.0


class Feed:
    """
    Reads the event feed in a thread, and wakes viewers; at most `places` at once.

    Call `start` and `stop` once each. The thread calls each of `listeners` after every event.
    """

    def __init__(self, platform: Platform, places: int = 16) -> None:
        self._store = platform.store
        self._wakeups = platform.wakeups
        self._newest: deque[tuple[int, str, str]] = deque(maxlen=_KEPT)
        self._last = 0
        self._news = threading.Condition()
        self._stopping = False
        self._awake = False
        self._thread: threading.Thread | None = None
        self._places = threading.BoundedSemaphore(places)
        self.listeners: list[Callable[[], None]] = []
        self.watching = 0
        self._wakeups.subscribe(Topic.FEED, self._wake)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="floe-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._news:
            self._stopping = True
            self._news.notify_all()
        if self._thread:
            self._thread.join(10)

    def enter(self) -> bool:
        """Take a place and return True, or False when all are taken. Call `leave` afterwards."""
        entered = self._places.acquire(blocking=False)
        if entered:
            with self._news:
                self.watching += 1
        return entered

    def leave(self) -> None:
        with self._news:
            self.watching -= 1
        self._places.release()

    @property
    def last(self) -> int:
        """Return the sequence of the newest event."""
        with self._news:
            return self._last

    def after(self, sequence: int, seconds: float) -> Iterator[tuple[int, str, str]] | None:
        """
        Return sequence, change and kind of the events after `sequence`, and wait up to `seconds`
        for one; None once the server ends.
        """
        end = monotonic() + seconds
        with self._news:
            while not self._stopping and self._last <= sequence and monotonic() < end:
                self._news.wait(end - monotonic())
            if self._stopping:
                return None
            return iter([event for event in self._newest if event[0] > sequence])

    def _follow(self) -> None:
        self._last = self._now()
        while not self._stopping:
            with keep_running("the feed cannot be read", self._pause, _TROUBLE_SECONDS):
                self._look()

    def _look(self) -> None:
        found = self._store.events(self._last, _PAGE)
        if not found:
            self._pause(self._wakeups.pause(_LOOK_SECONDS))
            return
        # Listeners first: viewers must not read stale caches.
        for listener in self.listeners:
            listener()
        with self._news:
            self._newest.extend((e.sequence, e.change_id, e.kind) for e in found)
            self._last = found[-1].sequence
            self._news.notify_all()

    def _now(self) -> int:
        """Return the end of the feed: the page already shows earlier events."""
        last = 0
        try:
            while found := self._store.events(last, _PAGE):
                last = found[-1].sequence
        except PromotionError as error:
            _log.info("the feed cannot be read: %s", error)
        return last

    def _wake(self) -> None:
        with self._news:
            self._awake = True
            self._news.notify_all()

    def _pause(self, seconds: float) -> None:
        end = monotonic() + seconds
        with self._news:
            while not (self._stopping or self._awake) and (left := end - monotonic()) > 0:
                self._news.wait(left)
            self._awake = False
