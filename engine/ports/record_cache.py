"""A local cache of records for large views; losing it is harmless."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.domain.artifact import Digest
from engine.domain.ledger import LedgerEntry
from engine.domain.record import AnyRecord
from engine.domain.selection import Selection
from engine.domain.status import EnvironmentStatus


@dataclass(frozen=True, slots=True)
class CachedRange:
    """
    The cached part of a ledger, without gaps from sequence `first` to `last`. `digest` is that of
    the last entry, `before` that of the entry before the first, None if there is none.
    """

    first: int
    last: int
    digest: Digest
    before: Digest | None


@dataclass(frozen=True, slots=True)
class CachedRecord:
    """
    A cached record and its position; `digest` is that of its entry. `until` is the time (UTC) when
    the next version replaced it, None while it runs and for records without a version.
    """

    environment: str
    sequence: int
    digest: Digest
    record: AnyRecord
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CachedStatus:
    """The status of an environment as read from the registry at a time (UTC)."""

    status: EnvironmentStatus
    at: datetime


# The end of a page: the time, environment and sequence of its last record.
Cursor = tuple[datetime, str, int]


class RecordStore(Protocol):
    """A cache of records and statuses. Methods raise StoreUnavailableError if it is unusable."""

    def cached_ranges(self) -> dict[str, CachedRange]:
        """Read the cached range of each environment that has one."""
        ...

    def extend(
        self,
        environment: str,
        entries: Iterable[LedgerEntry],
        before: CachedRange | None,
        after: CachedRange,
    ) -> bool:
        """Add `entries`; False without a change unless `before` is the range cached now."""
        ...

    def forget(self, environment: str) -> None: ...

    def page(
        self, selection: Selection, limit: int, after: Cursor | None = None
    ) -> tuple[CachedRecord, ...]:
        """Read the newest `limit` records that match, newest first; with `after`, the next page."""
        ...

    def recent(
        self,
        products: Collection[str],
        kinds: Collection[str],
        since: datetime,
        limit: int,
        environment: str | None = None,
    ) -> tuple[tuple[str, CachedRecord], ...]:
        """Read the newest `limit` records of `kinds` since then, each with its product."""
        ...

    def by_id(self, record_id: str) -> CachedRecord | None: ...

    def arrival(self, environment: str, digest: str) -> CachedRecord | None:
        """Find the newest promotion or rollback of `environment` to `digest`, by an index."""
        ...

    def versions(self, limit: int) -> tuple[str, ...]:
        """List the versions with the newest records, newest first."""
        ...

    def find_placements(self, versions: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Find the pairs of a version and an environment it was promoted or rolled back to."""
        ...

    def count(self) -> dict[tuple[str, str], int]:
        """Count the cached records by environment and kind."""
        ...

    def store_statuses(self, statuses: Iterable[CachedStatus]) -> None: ...

    def statuses(self) -> tuple[CachedStatus, ...]: ...

    def close(self) -> None: ...
