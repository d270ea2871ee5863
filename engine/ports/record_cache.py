"""Records kept near, for views of thousands of them: a copy that any loss leaves harmless."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.domain.artifact import Digest
from engine.domain.ledger import LedgerEntry
from engine.domain.record import AnyRecord
from engine.domain.selection import Selection
from engine.domain.status import EnvironmentStatus


@dataclass(frozen=True, slots=True)
class Covered:
    """
    Which part of a ledger is kept: without a gap from `first` to `last`. `digest` is that of the
    last; `before` that of the entry before the first, None once the first is the ledger's first.
    """

    first: int
    last: int
    digest: Digest
    before: Digest | None


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """
    A record and its place; `digest` is that of its entry. `until` is when the next version took
    its place in the environment, None while it runs and for records that bring no version.
    """

    environment: str
    sequence: int
    digest: Digest
    record: AnyRecord
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenStatus:
    """What an environment was like when the registry last said so."""

    status: EnvironmentStatus
    at: datetime


# Where a page ends: the time, environment and sequence of its last record.
Cursor = tuple[datetime, str, int]


class RecordStore(Protocol):
    """Every method raises StoreUnavailableError when what is kept cannot be used."""

    def covered(self, environment: str) -> Covered | None: ...

    def extend(
        self,
        environment: str,
        entries: Iterable[LedgerEntry],
        before: Covered | None,
        after: Covered,
    ) -> bool:
        """Keep `entries` too; False, and nothing kept, unless `before` is what is covered now."""
        ...

    def forget(self, environment: str) -> None: ...

    def page(
        self, selection: Selection, limit: int, after: Cursor | None = None
    ) -> tuple[KeptRecord, ...]:
        """The newest `limit` that `selection` admits, newest first, those after `after`."""
        ...

    def by_id(self, record_id: str) -> KeptRecord | None: ...

    def versions(self, limit: int) -> tuple[str, ...]:
        """The versions that something last happened to, newest first."""
        ...

    def placed(self, versions: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Pairs of a version and an environment it was promoted or returned to."""
        ...

    def count(self) -> dict[tuple[str, str], int]:
        """How many records are kept, by environment and kind."""
        ...

    def see(self, seen: Iterable[SeenStatus]) -> None: ...

    def seen(self) -> tuple[SeenStatus, ...]: ...

    def close(self) -> None: ...
