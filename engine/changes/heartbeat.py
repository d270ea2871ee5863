"""Renew the claim of a worker on a change; the claim expires when the worker dies."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from engine.domain.errors import PromotionError
from engine.ports import Clock, StoppedError
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)


class ClaimLostError(StoppedError):
    """Another worker claimed the change: this one stops without any further effect."""


@dataclass(frozen=True)
class Claim:
    """The right of `worker` to work on a change, for `seconds` from each renewal."""

    store: ChangeStore
    clock: Clock
    change_id: str
    worker: str
    seconds: float
    _lost: threading.Event = field(default_factory=threading.Event)

    def renew(self) -> None:
        """Renew the claim; ClaimLostError when another worker has it."""
        lasting = timedelta(seconds=self.seconds)
        if not self.store.renew(self.change_id, self.worker, self.clock.now(), lasting):
            self._lost.set()
        self.check()

    def check(self) -> None:
        """ClaimLostError when an earlier renewal found the claim lost. Does not ask the store."""
        if self._lost.is_set():
            raise ClaimLostError(f"another worker claimed {self.change_id}")


@contextmanager
def renewed(claim: Claim) -> Iterator[None]:
    """Renew `claim` in the background until the block ends or the claim is lost."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(claim.seconds / 3):
            try:
                claim.renew()
            except ClaimLostError as error:
                _log.warning("a claim was lost: %s", error)
                return
            except PromotionError as error:
                _log.warning("the claim on %s was not renewed: %s", claim.change_id, error)

    heart = threading.Thread(target=beat, name="floe-claim", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
