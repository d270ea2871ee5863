"""The store's event feed, read once for all viewers."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from engine.domain.errors import PromotionError
from engine.domain.product import UNNAMED
from engine.ports.change_store import ChangeStore, Event
from engine.runtime.background import keep_running
from engine.runtime.wakeups import Topic, Wakeups

_log = logging.getLogger(__name__)
_PAGE = 1000
_KEPT = 1000
_LOOK_SECONDS = 0.5
_TROUBLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Moved:
    """An event of a change of `product`."""

    sequence: int
    change_id: str
    kind: str
    product: str


class Feed:
    """
    Reads the event feed in a thread, and wakes viewers; at most `places` at once.

    Call `start` and `stop` once each. The thread calls each of `listeners` with the events.
    `several` says that the events belong to several products.
    """

    def __init__(
        self, store: ChangeStore, wakeups: Wakeups, places: int = 16, *, several: bool = False
    ) -> None:
        self._store = store
        self._several = several
        self._wakeups = wakeups
        self._newest: deque[Moved] = deque(maxlen=_KEPT)
        self._last = 0
        self._news = threading.Condition()
        self._stopping = False
        self._awake = False
        self._thread: threading.Thread | None = None
        self._places = threading.BoundedSemaphore(places)
        self.listeners: list[Callable[[Sequence[Event]], None]] = []
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

    def after(self, sequence: int, seconds: float) -> Iterator[Moved] | None:
        """
        Return the events after `sequence`, and wait up to `seconds` for one; None once the server
        ends.
        """
        end = monotonic() + seconds
        with self._news:
            while not self._stopping and self._last <= sequence and monotonic() < end:
                self._news.wait(end - monotonic())
            if self._stopping:
                return None
            return iter([event for event in self._newest if event.sequence > sequence])

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
        products = self._products({event.change_id for event in found})
        moved = [
            Moved(e.sequence, e.change_id, e.kind, products[e.change_id])
            for e in found
            if e.change_id in products
        ]
        # Listeners first: viewers must not read stale caches.
        for listener in self.listeners:
            listener(found)
        with self._news:
            self._newest.extend(moved)
            self._last = found[-1].sequence
            self._news.notify_all()

    def _products(self, change_ids: set[str]) -> dict[str, str]:
        """Return the products of the changes that exist."""
        if not self._several:
            return dict.fromkeys(change_ids, UNNAMED)
        changes = filter(None, map(self._store.get, change_ids))
        return {change.id: change.product for change in changes}

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
