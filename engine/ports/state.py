"""The state on this machine: leases, known heads and counts of refusals; and the clock."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.domain.audit import KnownHead

# The lease of the referrers index, one for all environments; their names never contain a dot.
REFERRERS_LEASE = "referrers.index"


class Leases(Protocol):
    """Leases: one process and thread at a time on this machine writes an environment."""

    def hold(self, environment: str) -> AbstractContextManager[None]:
        """
        Hold the lease of `environment`; it is freed when its holder dies.

        ConflictError if it is not free within the wait, StoreUnavailableError if the disk is full,
        ConfigError if it cannot be stored.
        """
        ...


class Heads(Protocol):
    """
    The newest head seen of each ledger, by which a truncated or rewritten ledger is detected.

    Methods raise StoreUnavailableError if the heads cannot be read or written.
    """

    def known(self, environment: str) -> KnownHead | None:
        """Read the newest head seen; None if there is none."""
        ...

    def remember(self, environment: str, head: KnownHead) -> None:
        """Store `head` unless the stored one is as new."""
        ...

    def forget(self, environment: str) -> None:
        """Accept any head next time: the ledger was restored from a backup."""
        ...


class InMemoryHeads:
    """Heads that are forgotten at the end of the process."""

    def __init__(self) -> None:
        self._known: dict[str, KnownHead] = {}

    def known(self, environment: str) -> KnownHead | None:
        return self._known.get(environment)

    def remember(self, environment: str, head: KnownHead) -> None:
        self._known[environment] = head

    def forget(self, environment: str) -> None:
        self._known.pop(environment, None)


@dataclass(frozen=True, slots=True)
class DueAttempts:
    """
    Refused attempts to record now: the number without a record, and whether the time of the last
    record is known in this state directory.
    """

    count: int
    known: bool


class RefusalCounter(Protocol):
    """Counts refused attempts between their records. Methods raise StoreUnavailableError."""

    def add(self, kind: str, now: datetime) -> DueAttempts | None:
        """
        Count one more attempt. None if a record of the last hour includes it; else the caller alone
        must record the due attempts within a minute.
        """
        ...

    def recorded(self, kind: str, count: int, at: datetime) -> None:
        """Note that `count` attempts were recorded at `at`."""
        ...


class Clock(Protocol):
    """The source of the time."""

    def now(self) -> datetime:
        """Get the present time in UTC."""
        ...
