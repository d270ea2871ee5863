"""Work on one change while its command waits."""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.changes.heartbeat import Claim, ClaimLostError, renewed
from engine.changes.workflow import Progression
from engine.domain.change import Change, ChangeState
from engine.domain.errors import StoreUnavailableError
from engine.ports import Progress
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
# A repeated command waits this long for the claim of one that was killed.
_CLAIM_SECONDS = 6.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Foreground:
    """
    Works on a change under a claim, like the worker of a server.

    With both on one state directory, only one of them works on a change, so its gates run once.
    """

    progression: Progression
    store: ChangeStore
    # Called with each change that it worked on, to record refusals.
    refused: Callable[[Change], None] = lambda _change: None

    def settle(self, change: Change, progress: Progress) -> Change:
        """Work on `change` until it ends or needs approval, or follow the worker that has it."""
        worker = f"command-{secrets.token_hex(4)}"
        waited = False
        while change.state in (ChangeState.CHECKING, ChangeState.EXECUTING):
            if self._claimed(change, worker):
                try:
                    return self._work(change, worker, progress)
                except ClaimLostError as error:
                    _log.warning("following the other worker: %s", error)
            if not waited:
                progress.step(f"{change.id} or another change of {change.target} is worked on")
            waited = True
            time.sleep(_LOOK_SECONDS)
            change = self.store.get(change.id) or change
        return change

    def _claimed(self, change: Change, worker: str) -> bool:
        lasting = timedelta(seconds=_CLAIM_SECONDS)
        now = self.progression.runner.clock.now()
        return self.store.claim(worker, now, lasting, only=change.id) is not None

    def _work(self, change: Change, worker: str, progress: Progress) -> Change:
        claim = Claim(self.store, self.progression.runner.clock, change.id, worker, _CLAIM_SECONDS)
        try:
            with renewed(claim):
                current = self.store.get(change.id) or change
                settled = replace(self.progression, claim=claim).settle(current, progress)
            self.refused(settled)
            return settled
        finally:
            self._release(change, worker)

    def _release(self, change: Change, worker: str) -> None:
        """Release the claim; a failure is only logged, because the work is done."""
        try:
            self.store.release(change.id, worker)
        except StoreUnavailableError as error:
            _log.warning("claim on %s not released, it expires: %s", change.id, error)
