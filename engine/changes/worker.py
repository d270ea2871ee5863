"""Work on the changes of all products in background threads."""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from engine.changes.heartbeat import Claim, ClaimLostError, renewed
from engine.changes.sweeper import Sweeper, Workplace
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.ports import NO_PROGRESS, Clock, StoppedError
from engine.ports.change_store import ChangeStore
from engine.runtime.background import keep_running
from engine.runtime.wakeups import NO_WAKEUPS, Topic, Wakeups

_log = logging.getLogger(__name__)
THREADS_OF_PRODUCT = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """
    Seconds between polls, of a claim, until this server retries a change, and between sweeps.

    A claim is short enough that another server takes a change over within 15 seconds.
    """

    poll: float = 0.125
    claim: float = 12.0
    retry: float = 5.0
    sweep: float = 2.0


@dataclass
class Worker:
    """
    Works on the changes of all `products` under claims that it renews.

    After a crash, another worker takes the change once its claim expired, and never before. One
    product occupies at most `most` of the `threads`, and only its first one while no more than a
    quarter of them is free, so that it does not keep out the others. Call `start` and `stop` once
    each, and `wake` after a submission or decision.
    """

    products: MutableMapping[str, Workplace]
    store: ChangeStore
    clock: Clock
    threads: int = THREADS_OF_PRODUCT
    most: int = THREADS_OF_PRODUCT
    pace: Pace = field(default_factory=Pace)
    wakeups: Wakeups = NO_WAKEUPS
    # Sends the webhooks of all products until the event is set.
    deliver: Callable[[threading.Event], None] = lambda _stop: None

    def __post_init__(self) -> None:
        self._name = secrets.token_hex(4)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        # One idle thread at a time looks for work.
        self._turn = threading.Lock()
        # Not under `_turn`, which an idle thread holds while it waits for work.
        self._counting = threading.Lock()
        self._working: Counter[str] = Counter()
        # Until when only other servers may try a change that failed here, by its id.
        self._left: dict[str, float] = {}
        self._running: list[threading.Thread] = []
        self._sweeper = Sweeper(
            self.products, self.store, self.pace.sweep, self._awake.set, self.wakeups
        )
        self.wakeups.subscribe(Topic.WORK, self.wake)

    def start(self) -> None:
        # Webhooks in a thread of their own, so that a slow one delays no change.
        works: list[tuple[Callable[[], None], str]]
        works = [(partial(self.deliver, self._stopping), "floe-webhooks")]
        works += [(self._work, f"floe-worker-{n}") for n in range(self.threads)]
        for target, name in works:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._running.append(thread)
        self._sweeper.start()

    def wake(self) -> None:
        self._awake.set()
        self._sweeper.wake()

    def stop(self, drain_seconds: float = 30) -> None:
        """Take no more changes, and wait up to `drain_seconds` for the running ones."""
        self._stopping.set()
        self.wake()
        end = time.monotonic() + drain_seconds
        for thread in self._running:
            thread.join(max(0, end - time.monotonic()))
        self._sweeper.stop(max(0, end - time.monotonic()))

    def _work(self) -> None:
        worker = f"{self._name}-{threading.get_ident()}"
        failed, pause, seconds = "worker cannot take changes", self._stopping.wait, self.pace.retry
        while not self._stopping.is_set():
            change = None
            # Without an answer from the store nothing is known, so nothing is done.
            with self._turn, keep_running(failed, pause, seconds):
                change = self._next(worker)
            if change is not None:
                with keep_running(failed, pause, seconds):
                    self._take(change, worker)
                self._occupy(change.product, -1)
                # The product may have been at its limit, also if this change is not finished.
                self._awake.set()

    def _next(self, worker: str) -> Change | None:
        """Claim a change; without one, wait until there may be one."""
        if self._stopping.is_set():
            return None
        lasting = timedelta(seconds=self.pace.claim)
        change = self.store.claim(worker, self.clock.now(), lasting, accepts=self._accepts)
        if change is None:
            self._awake.wait(self._pause())
            self._awake.clear()
        else:
            self._occupy(change.product, 1)
        return change

    def _occupy(self, product: str, threads: int) -> None:
        with self._counting:
            self._working[product] += threads

    def _pause(self) -> float:
        """Seconds until the next poll, or until a change that failed here may be tried again."""
        pause, now = self.wakeups.pause(self.pace.poll), time.monotonic()
        with self._counting:
            return min([pause, *(until - now for until in self._left.values() if until > now)])

    def _leave(self, change: Change) -> None:
        now = time.monotonic()
        with self._counting:
            left = {each: until for each, until in self._left.items() if until > now}
            self._left = {**left, change.id: now + self.pace.retry}

    def _accepts(self, product: str, change_id: str) -> bool:
        """Whether this server has `product`, a thread free for it, and may try the change."""
        if self._left.get(change_id, 0) > time.monotonic():
            return False
        mine = self._working[product]
        if product not in self.products or mine >= self.most:
            return False
        # The last quarter is for products without a thread. One product alone has all threads.
        free = self.threads - self._working.total()
        return mine == 0 or self.threads <= self.most or free > self.threads // 4

    def _take(self, change: Change, worker: str) -> None:
        """
        Work on a change. After a transient error other servers may try it immediately, because
        the cause may be here, and this one after a pause.
        """
        place, settled = self.products.get(change.product), None
        if place is None:
            self.store.release(change.id, worker)
            return
        claim = Claim(self.store, self.clock, change.id, worker, self.pace.claim)
        try:
            with renewed(claim):
                settled = replace(place.progression, claim=claim).settle(change, NO_PROGRESS)
            _log.info("change %s of %s is %s", change.id, change.place, settled.state)
        except ClaimLostError as error:
            _log.warning("work on change %s of %s stopped: %s", change.id, change.place, error)
            return
        except StoppedError:
            _log.info("change %s of %s is handed back", change.id, change.place)
        except PromotionError as error:
            _log.warning("change %s of %s is retried: %s", change.id, change.place, error)
            self._leave(change)
        self.store.release(change.id, worker)
        if settled:
            place.settled(settled)
