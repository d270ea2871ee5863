"""Completes entries of dead and suspended writers in the background of a server."""

import logging
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from engine.domain.entry_claims import claimed_artifacts
from engine.domain.errors import ConflictError, PromotionError
from engine.execution.recovery import is_behind
from engine.execution.runner import Runner
from engine.ports import Leases
from engine.ports.state import REFERRERS_LEASE
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImpatientLeases:
    """
    Implements `engine.ports.Leases`: the leases of environments from `at_once`, which does not
    wait. The referrers index is shared by all environments, so its lease is worth waiting for.
    """

    at_once: Leases
    waiting: Leases

    def hold(self, environment: str) -> AbstractContextManager[None]:
        leases = self.waiting if environment == REFERRERS_LEASE else self.at_once
        return leases.hold(environment)


@dataclass
class EntryReconciler:
    """
    Looks every `pause_seconds` for claims that were not finished.

    Nothing is read from the registry while there are none. The leases of `runner` must not wait
    for an environment: a living writer finishes its own claim.
    """

    runner: Runner
    pause_seconds: float = 5
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="floe-entries", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(30)

    def reconcile(self) -> None:
        """Complete all neglected claims once; errors are logged, and tried again."""
        for name in self.runner.claims.neglected():
            if name not in self.runner.path.names:
                continue
            try:
                if self._is_behind(name):
                    with self.runner.hold(name):
                        pass
            except ConflictError as error:
                _log.debug("claimed entries of %s are not completed: %s", name, error)
            except PromotionError as error:
                _log.warning("claimed entries of %s are not completed: %s", name, error)

    def _is_behind(self, name: str) -> bool:
        pending = self.runner.claims.pending(name)
        end = self.runner.ledger.end(name)
        missing = any(claim.sequence >= end.next_sequence for claim in pending)
        return missing or is_behind(self.runner, name, end, claimed_artifacts(pending))

    def _run(self) -> None:
        while not self._stopping.wait(self.pause_seconds):
            with keep_running("no claimed entries completed", self._stopping.wait, 60):
                self.reconcile()
