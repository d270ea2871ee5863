"""The state outside the registry: leases, claims, known heads and refusals; and the clock."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.domain.audit import KnownHead
from engine.domain.ledger import EntryClaim, LedgerEntry

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


class EntryClaims(Protocol):
    """
    The order of the entries where several machines write: each number is claimed once.

    An entry is claimed before its tag is created. The claim is pending until its writer made its
    last write. Methods raise StoreUnavailableError if the database does not answer. The claims of
    several repositories may be in one database.
    """

    @property
    def repository(self) -> str:
        """The name of the repository here, which is the same for all its writers."""
        ...

    def claim(self, entry: LedgerEntry) -> None:
        """Claim the number of `entry`. ConflictError if it, or a later one, is claimed."""
        ...

    def is_newest(self, entry: LedgerEntry) -> bool:
        """Whether `entry` has the newest claim of its environment."""
        ...

    def finish(self, entry: LedgerEntry) -> bool:
        """
        End the claim of `entry`, after the last write of its writer.

        False if it is not the newest one: then the claim stays pending, because the writer may have
        written after others.
        """
        ...

    def pending(self, environment: str) -> tuple[EntryClaim, ...]:
        """
        Read the claims whose writers have not finished, oldest first; those older than 1 hour are
        `abandoned`.
        """
        ...

    def neglected(self) -> tuple[str, ...]:
        """List the environments with claims that are pending for 2 seconds to 1 hour."""
        ...

    def neglected_repositories(self) -> frozenset[str]:
        """List all repositories with such claims, also others than this one."""
        ...

    def release(self, claim: EntryClaim) -> None:
        """Remove `claim`, so that its number can be claimed again."""
        ...

    def forget(self, environment: str) -> None:
        """Remove all claims of `environment`: its ledger was restored from a backup."""
        ...


class NoEntryClaims:
    """The claims of a single machine, whose leases order the entries: none."""

    repository = ""

    def claim(self, entry: LedgerEntry) -> None: ...

    def is_newest(self, entry: LedgerEntry) -> bool:  # noqa: ARG002
        return True

    def finish(self, entry: LedgerEntry) -> bool:  # noqa: ARG002
        return True

    def pending(self, environment: str) -> tuple[EntryClaim, ...]:  # noqa: ARG002
        return ()

    def neglected(self) -> tuple[str, ...]:
        return ()

    def neglected_repositories(self) -> frozenset[str]:
        return frozenset()

    def release(self, claim: EntryClaim) -> None: ...

    def forget(self, environment: str) -> None: ...


NO_CLAIMS = NoEntryClaims()


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
