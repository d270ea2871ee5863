"""Completes entries of dead and suspended writers in the background of a server."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engine.domain.entry_claims import claimed_artifacts
from engine.domain.errors import ConflictError, PromotionError
from engine.execution.recovery import is_behind
from engine.execution.runner import Runner
from engine.ports import Leases
from engine.ports.state import REFERRERS_LEASE

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
    Completes claims that were not finished.

    Nothing is read from the registry while there are none. The leases of `runner` must not wait
    for an environment: a living writer finishes its own claim.
    """

    runner: Runner

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
