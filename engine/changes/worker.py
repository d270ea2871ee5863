"""Works on changes outside the request that submitted them, in a few threads."""

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
    """Seconds: how often to look, how long a claim lasts, and how long to wait after trouble."""

    look: float = 0.5
    claim: float = 15.0
    retry: float = 5.0
    sweep: float = 2.0


@dataclass
class Worker:
    """
    Takes changes up under a claim that it renews while it works, so that a restart takes what a
    crash left (once the claim has run out) and never a live change.

    `start` and `stop` are called once each; `wake` after something was submitted or decided.
    """

    changes: Changes
    progression: Progression
    store: ChangeStore
    threads: int = 4
    pace: Pace = field(default_factory=Pace)
    # Told of every change that has ended or waits for somebody.
    settled: Callable[[Change], None] = lambda _change: None

    def __post_init__(self) -> None:
        self._name = secrets.token_hex(4)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._running: list[threading.Thread] = []

    def start(self) -> None:
        works = [(self._work, f"floe-worker-{n}") for n in range(self.threads)]
        others = [(self._sweep, "floe-sweeper"), (self._tell, "floe-webhooks")]
        for target, name in [*works, *others]:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._running.append(thread)

    def wake(self) -> None:
        self._awake.set()

    def stop(self, drain_seconds: float = 30) -> None:
        """Take up nothing more, and give what is under way `drain_seconds` to end."""
        self._stopping.set()
        self._awake.set()
        for thread in self._running:
            thread.join(drain_seconds)

    def _work(self) -> None:
        worker = f"{self._name}-{threading.get_ident()}"
        while not self._stopping.is_set():
            # Where the store does not answer nothing can be known, and so nothing is done.
            with keep_running("changes cannot be worked on", self._stopping.wait, self.pace.retry):
                change = self._claimed(worker)
                if change is None:
                    self._awake.wait(self.pace.look)
                    self._awake.clear()
                else:
                    self._take(change, worker)

    def _claimed(self, worker: str) -> Change | None:
        lasting = timedelta(seconds=self.pace.claim)
        return self.store.claim(worker, self.changes.runs.clock.now(), lasting)

    def _take(self, change: Change, worker: str) -> None:
        """Work on a change; after trouble its claim is left to run out, which is the pause."""
        clock, settled = self.changes.runs.clock, None
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
            _log.warning("change %s of %s is tried again: %s", change.id, change.target, error)
            pause = timedelta(seconds=self.pace.retry)
            self.store.renew(change.id, worker, clock.now(), pause)
            return
        self.store.release(change.id, worker)
        if settled:
            self.settled(settled)

    def _tell(self) -> None:
        """Webhooks have a thread of their own: a slow one holds no change up."""
        self.changes.runs.webhook_sender.keep_delivering(self._stopping)

    def _sweep(self) -> None:
        """End what nobody decided in time, and go on with what a lock had stopped."""
        while not self._stopping.wait(self.pace.sweep):
            with keep_running("waiting changes were not looked at", self._stopping.wait, 0):
                self.changes.expire_due()
                self.changes.resume_due()
