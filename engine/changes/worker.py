"""Work on changes in background threads."""

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from engine.changes.decisions import Changes
from engine.changes.heartbeat import Claim, ClaimLostError, renewed
from engine.changes.workflow import Progression
from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.ports import NO_PROGRESS, StoppedError
from engine.ports.change_store import ChangeStore
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between polls, of a claim, until a retry, and between sweeps."""

    poll: float = 0.5
    claim: float = 15.0
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

    def __post_init__(self) -> None:
        self._name = secrets.token_hex(4)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._running: list[threading.Thread] = []

    def start(self) -> None:
        works = [(self._work, f"floe-worker-{n}") for n in range(self.threads)]
        others = [(self._sweep, "floe-sweeper"), (self._deliver_webhooks, "floe-webhooks")]
        for target, name in [*works, *others]:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._running.append(thread)

    def wake(self) -> None:
        self._awake.set()

    def stop(self, drain_seconds: float = 30) -> None:
        """Take no more changes, and wait up to `drain_seconds` for each running one."""
        self._stopping.set()
        self._awake.set()
        for thread in self._running:
            thread.join(drain_seconds)

    def _work(self) -> None:
        worker = f"{self._name}-{threading.get_ident()}"
        while not self._stopping.is_set():
            # Without an answer from the store nothing is known, so nothing is done.
            with keep_running("worker cannot take changes", self._stopping.wait, self.pace.retry):
                change = self._claimed(worker)
                if change is None:
                    self._awake.wait(self.pace.poll)
                    self._awake.clear()
                else:
                    self._take(change, worker)

    def _claimed(self, worker: str) -> Change | None:
        lasting = timedelta(seconds=self.pace.claim)
        return self.store.claim(worker, self.changes.runner.clock.now(), lasting)

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
        if settled:
            self.settled(settled)

    def _deliver_webhooks(self) -> None:
        """Deliver webhooks in their own thread, so that a slow one delays no change."""
        self.changes.runner.webhook_sender.keep_delivering(self._stopping)

    def _sweep(self) -> None:
        """Expire undecided changes, and resume changes after a lock."""
        while not self._stopping.wait(self.pace.sweep):
            with keep_running("waiting changes not checked", self._stopping.wait, 0):
                self.changes.expire_due()
                self.changes.resume_due()
