"""Expire undecided changes, and resume those that a lock held back."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from engine.changes.decisions import Changes
from engine.changes.workflow import Progression
from engine.domain.change import WORKED_ON, Change, ChangeState
from engine.ports.change_store import ChangeStore
from engine.runtime.background import keep_running
from engine.runtime.wakeups import NO_WAKEUPS, Wakeups

# Threads are added as needed: each slow registry or audit backend holds one for long.
_AT_ONCE = 256


@dataclass(frozen=True)
class Workplace:
    """How the changes of one product move; `settled` gets each that ended or needs approval."""

    changes: Changes
    progression: Progression
    settled: Callable[[Change], None] = lambda _change: None


class Sweeper:
    """
    Looks at the open changes of all `products` every `seconds`.

    Only the store is read for that. The registry and audit backend of a product are used in threads
    of their own, so that slow ones do not delay other products. `awaken` is called while a change
    is worked on: the death of the server that does it is not announced.
    """

    def __init__(
        self,
        products: Mapping[str, Workplace],
        store: ChangeStore,
        seconds: float,
        awaken: Callable[[], None],
        wakeups: Wakeups = NO_WAKEUPS,
    ) -> None:
        self._products = products
        self._store = store
        self._seconds = seconds
        self._awaken = awaken
        self._wakeups = wakeups
        self._stopping = threading.Event()
        self._now = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-sweep")
        self._running: dict[tuple[str, str], Future[None]] = {}
        self._thread = threading.Thread(target=self._run, name="floe-sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._now.set()

    def stop(self, drain_seconds: float) -> None:
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(drain_seconds)
        wait(self._running.values(), drain_seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        pause = self._seconds
        while not self._stopping.is_set():
            self._now.wait(pause)
            self._now.clear()
            if self._stopping.is_set():
                return
            pause = self._seconds
            with keep_running("waiting changes not checked", self._stopping.wait, 0):
                changes = self._store.open()
                by_product: defaultdict[str, list[Change]] = defaultdict(list)
                for change in changes:
                    by_product[change.product].append(change)
                for name, place in list(self._products.items()):
                    self._continue(name, place, by_product[name])
                pause = self._until_next(changes)

    def _continue(self, name: str, place: Workplace, changes: Sequence[Change]) -> None:
        """Start the work at the registry and audit backend, except while the last one runs."""
        if any(change.overdue(place.changes.runner.clock.now()) for change in changes):
            self._try((name, "expiry"), partial(place.changes.expire_due, changes))
        if any(map(_is_held_back, changes)):
            self._try((name, "resume"), partial(place.changes.resume_due, changes))
        now = place.changes.runner.clock.now()
        if any(change.is_due(now) for change in changes):
            self._try((name, "schedule"), partial(place.changes.schedule.start_due, changes))
        if place.changes.rejections.owed:
            self._try((name, "rejections"), place.changes.rejections.retry)

    def _try(self, task: tuple[str, str], work: Callable[[], object]) -> None:
        running = self._running.get(task)
        if running is None or running.done():
            self._running[task] = self._pool.submit(self._work, task, work)

    def _work(self, task: tuple[str, str], work: Callable[[], object]) -> None:
        with keep_running(f"{' '.join(task).strip()} not done", self._stopping.wait, 0):
            work()

    @property
    def _owed(self) -> bool:
        return any(place.changes.rejections.owed for place in self._products.values())

    def _until_next(self, changes: Sequence[Change]) -> float:
        """Return the seconds until the next look: the end of a lock is not announced."""
        if any(change.state in WORKED_ON for change in changes):
            self._awaken()
        elif all(change.missing_approvals for change in changes) and not self._owed:
            return self._wakeups.pause(self._seconds)
        return self._seconds


def _is_held_back(change: Change) -> bool:
    return change.state is ChangeState.AWAITING_APPROVAL and not change.missing_approvals
