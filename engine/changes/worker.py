"""Work on changes in background threads."""

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from engine.changes.decisions import Changes
from engine.changes.heartbeat import Claim, ClaimLostError, renewed
from engine.changes.workflow import Progression
from engine.domain.change import WORKED_ON, Change
from engine.domain.errors import PromotionError
from engine.ports import NO_PROGRESS, StoppedError
from engine.ports.change_store import ChangeStore
from engine.runtime.background import keep_running
from engine.runtime.wakeups import NO_WAKEUPS, Topic, Wakeups

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """
    Seconds between polls, of a claim, until a retry, and between sweeps.

    A claim is short enough that another server takes a change over within 15 seconds.
    """

    poll: float = 0.125
    claim: float = 12.0
    retry: float = 5.0
    sweep: float = 2.0


@dataclass
class Worker:
    """
    Works on changes under claims that it renews.

    After a crash, another worker takes the change once its claim expired, and never before. Call
    `start` and `stop` once each, and `wake` after a submission or decision.
    """

    changes: Changes
    progression: Progression
    store: ChangeStore
    threads: int = 4
    pace: Pace = field(default_factory=Pace)
    # Called with every change that ended or needs approval.
    settled: Callable[[Change], None] = lambda _change: None
    wakeups: Wakeups = NO_WAKEUPS

    def __post_init__(self) -> None:
        self._name = secrets.token_hex(4)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._sweep_now = threading.Event()
        # One idle thread at a time looks for work.
        self._turn = threading.Lock()
        self._running: list[threading.Thread] = []
        self.wakeups.subscribe(Topic.WORK, self.wake)

    def start(self) -> None:
        works = [(self._work, f"floe-worker-{n}") for n in range(self.threads)]
        others = [(self._sweep, "floe-sweeper"), (self._deliver_webhooks, "floe-webhooks")]
        for target, name in [*works, *others]:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._running.append(thread)

    def wake(self) -> None:
        self._awake.set()
        self._sweep_now.set()

    def stop(self, drain_seconds: float = 30) -> None:
        """Take no more changes, and wait up to `drain_seconds` for each running one."""
        self._stopping.set()
        self.wake()
        for thread in self._running:
            thread.join(drain_seconds)

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

    def _next(self, worker: str) -> Change | None:
        """Claim a change; without one, wait until there may be one."""
        if self._stopping.is_set():
            return None
        lasting = timedelta(seconds=self.pace.claim)
        change = self.store.claim(worker, self.changes.runner.clock.now(), lasting)
        if change is None:
            self._awake.wait(self.wakeups.pause(self.pace.poll))
            self._awake.clear()
        return change

    def _take(self, change: Change, worker: str) -> None:
        """Work on a change; after a transient error its claim expires, which is the pause."""
        clock, settled = self.changes.runner.clock, None
        claim = Claim(self.store, clock, change.id, worker, self.pace.claim)
        try:
            with renewed(claim):
                settled = replace(self.progression, claim=claim).settle(change, NO_PROGRESS)
            _log.info("change %s of %s is %s", change.id, change.target, settled.state)
        except ClaimLostError as error:
            _log.warning("work on change %s of %s stopped: %s", change.id, change.target, error)
            return
        except StoppedError:
            _log.info("change %s of %s is handed back", change.id, change.target)
        except PromotionError as error:
            _log.warning("change %s of %s is retried: %s", change.id, change.target, error)
            pause = timedelta(seconds=self.pace.retry)
            self.store.renew(change.id, worker, clock.now(), pause)
            return
        self.store.release(change.id, worker)
        self._awake.set()
        if settled:
            self.settled(settled)

    def _deliver_webhooks(self) -> None:
        """Deliver webhooks in their own thread, so that a slow one delays no change."""
        self.changes.runner.webhook_sender.keep_delivering(self._stopping)

    def _sweep(self) -> None:
        """Expire undecided changes, resume changes after a lock, and watch claims of others."""
        pause = self.pace.sweep
        while not self._stopping.is_set():
            self._sweep_now.wait(pause)
            self._sweep_now.clear()
            if self._stopping.is_set():
                return
            pause = self.pace.sweep
            with keep_running("waiting changes not checked", self._stopping.wait, 0):
                changes = self.store.open()
                self.changes.expire_due(changes)
                self.changes.resume_due(changes)
                self.changes.rejections.retry()
                pause = self._until_sweep(changes)

    def _until_sweep(self, changes: Sequence[Change]) -> float:
        """
        Return the seconds until the next sweep.

        The death of the server that works on a change is not announced, and neither is the end
        of a lock.
        """
        if any(change.state in WORKED_ON for change in changes):
            self._awake.set()
        elif all(change.missing_approvals for change in changes):
            return self.wakeups.pause(self.pace.sweep)
        return self.pace.sweep
