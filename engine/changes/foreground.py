"""Works on one change while somebody waits for it, as a command does."""

import logging
import secrets
import time
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.changes.heartbeat import Claim, ClaimLostError, renewed
from engine.changes.workflow import Progression
from engine.domain.change import Change, ChangeState
from engine.domain.errors import StoreUnavailableError
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# Whoever repeats a command that was killed waits for its claim to run out.
_CLAIM_SECONDS = 6.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Foreground:
    """
    Under a claim, as the worker of a server: where both are on one state directory, each change is
    worked on by one of them, and its gates run once.
    """

    progression: Progression
    store: ChangeStore

    def settle(self, change: Change, progress: Progress) -> Change:
        """Work on `change` until it has ended or waits for somebody, or watch who does."""
        worker = f"command-{secrets.token_hex(4)}"
        waited = False
        while change.state in (ChangeState.CHECKING, ChangeState.EXECUTING):
            if self._claimed(change, worker):
                try:
                    return self._work(change, worker, progress)
                except ClaimLostError as error:
                    _log.warning("the other worker is followed: %s", error)
            if not waited:
                progress.step(f"{change.id} or another change of {change.target} is worked on")
            waited = True
            time.sleep(_LOOK_SECONDS)
            change = self.store.get(change.id) or change
        return change

    def _claimed(self, change: Change, worker: str) -> bool:
        lasting = timedelta(seconds=_CLAIM_SECONDS)
        now = self.progression.runs.clock.now()
        return self.store.claim(worker, now, lasting, only=change.id) is not None

    def _work(self, change: Change, worker: str, progress: Progress) -> Change:
        claim = Claim(self.store, self.progression.runs.clock, change.id, worker, _CLAIM_SECONDS)
        try:
            with renewed(claim):
                current = self.store.get(change.id) or change
                return replace(self.progression, claim=claim).settle(current, progress)
        finally:
            self._let_go(change, worker)

    def _let_go(self, change: Change, worker: str) -> None:
        """Whether or not that works, what was done is done."""
        try:
            self.store.release(change.id, worker)
        except StoreUnavailableError as error:
            _log.warning("the claim on %s is left to run out: %s", change.id, error)
