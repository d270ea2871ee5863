"""What is kept on this machine: leases, heads once seen, refusals counted; and the time."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.domain.audit import KnownHead

# The lease of the index of what is attached to an artifact: one for all environments, none of
# which has a dot in its name.
REFERRERS_LEASE = "referrers.index"


class Leases(Protocol):
    def hold(self, environment: str) -> AbstractContextManager[None]:
        """
        The right to write `environment`, held by one process and thread at a time on this machine
        and freed when its holder dies. ConflictError when it cannot be had within the wait,
        StoreUnavailableError when there is no room to keep it, ConfigError when it cannot be kept.
        """
        ...


class Heads(Protocol):
    """
    The newest head seen of each ledger: a shortened or rewritten chain is valid in itself. Every
    method raises StoreUnavailableError when the heads cannot be read or written.
    """

    def known(self, environment: str) -> KnownHead | None:
        """Return the newest head seen, None when there was none."""
        ...

    def remember(self, environment: str, head: KnownHead) -> None:
        """Keep `head` unless the one known is as new."""
        ...

    def forget(self, environment: str) -> None:
        """Accept any head next time: the ledger was restored from a backup."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """
    Attempts of one kind to be recorded now: how many no record stands for, and whether this state
    directory knows when one was recorded last.
    """

    count: int
    known: bool


class Tally(Protocol):
    """Counts refused attempts between their records. StoreUnavailableError where it cannot."""

    def add(self, kind: str, now: datetime) -> Due | None:
        """
        Count one more attempt. None while a record of the last hour stands for it; else the caller
        has a minute to record what is due, and nobody else is told to.
        """
        ...

    def recorded(self, kind: str, count: int, at: datetime) -> None:
        """`count` attempts are on record since `at`."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, UTC."""
        ...
