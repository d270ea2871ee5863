"""Refuses changes while the newest entries of a ledger wait too long for a witness."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.domain.errors import LedgerUnreadableError, WitnessUnavailableError
from engine.domain.ledger import LedgerEntry

if TYPE_CHECKING:
    from engine.audit.checkpoints import Checkpoints


@dataclass(frozen=True)
class WitnessGuard:
    """Requires a witness to sign each entry within `max_age`."""

    checkpoints: Callable[[], "Checkpoints"]
    max_age: timedelta

    def check(self, environment: str, head: LedgerEntry | None, now: datetime) -> None:
        """
        WitnessUnavailableError if an entry is too old to be without a cosignature;
        LedgerUnreadableError if a witness signed more entries than the ledger has.
        """
        checkpoints = self.checkpoints()
        known = checkpoints.read(environment)
        witnessed = known.size if known is not None and known.cosigned else 0
        size = head.sequence if head else 0
        if witnessed > size:
            raise LedgerUnreadableError(
                f"The ledger of '{environment}' was cut: it ends with entry {size}, and a witness "
                f"signed {witnessed} entries. Nothing is written to it. "
                f"Run: floe platform audit verify --env {environment}",
                {"witnessed": witnessed, "found": size},
            )
        if head is None or witnessed == size:
            return
        # The number after the witnessed one can be a void, so the entries are listed.
        newer = checkpoints.ledger.history(environment, size - witnessed, size + 1)
        first = [entry for entry in newer if entry.sequence > witnessed][-1]
        if now - first.record.at > self.max_age:
            raise WitnessUnavailableError(
                f"No witness has signed entry {first.sequence} of '{environment}', made at "
                f"{first.record.at:%Y-%m-%d %H:%M:%S} UTC, and ledger.require_witness allows "
                f"{self.max_age} at most, so nothing is written. "
                f"Run: floe platform audit checkpoint --env {environment}",
                {"sequence": first.sequence},
            )
