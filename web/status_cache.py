"""The status for many viewers: read once for all, and remembered while the registry is down."""

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.bootstrap.server import CachedStatus, Records
from engine.domain.change import Change
from engine.domain.errors import PromotionError, RegistryUnavailableError, StoreUnavailableError
from engine.domain.status import EnvironmentStatus
from engine.platform import Platform

_FRESH = timedelta(seconds=2)
# While the registry is down, viewers do not wait for it each time.
_AGAIN = timedelta(seconds=5)
_KEEP_ANYWAY = timedelta(minutes=1)
_PATIENCE_SECONDS = 2.0
# Metrics are scraped by several programs, and may be older than pages.
_GLANCE = timedelta(seconds=15)
_KNOWN_CHANGES = 200
# While the registry is slow, younger rows are shown without a warning.
RECENT = timedelta(seconds=15)


@dataclass(frozen=True)
class Seen:
    """
    A snapshot. `rows` are from the time `at`: now, unless `error` gives a reason. `pending` are
    the open changes, oldest first, at the time `pending_at`: now, unless `store_error` says why
    not. A time is None if nothing was read yet.
    """

    rows: tuple[EnvironmentStatus, ...]
    at: datetime | None
    pending: tuple[Change, ...] = ()
    error: PromotionError | None = None
    store_error: PromotionError | None = None
    pending_at: datetime | None = None

    def row(self, name: str) -> EnvironmentStatus | None:
        return next((row for row in self.rows if row.name == name), None)

    def pending_to(self, name: str) -> tuple[Change, ...]:
        return tuple(change for change in self.pending if change.target == name)


NOTHING_SEEN = Seen((), None)


@dataclass(frozen=True)
class SeenChange:
    """A change at the time `at`: now, unless `error` says why the store cannot be read."""

    change: Change
    at: datetime
    error: PromotionError | None = None


class Board:
    """Reads the status from the registry at most every two seconds, for any number of viewers."""

    def __init__(self, platform: Platform, records: Records, recent: timedelta = RECENT) -> None:
        self._platform = platform
        self._recent = recent
        self._records = records
        self._lock = threading.Lock()
        self._known: Seen | None = None
        self._asked_at: datetime | None = None
        self._asking: Future[Seen] | None = None
        self._kept_at: datetime | None = None
        self._expired = False
        self._opened: tuple[tuple[Change, ...], datetime | None] = ((), None)
        self._changes: dict[str, SeenChange] = {}
        self._stored: Seen | None = None

    def look(self) -> Seen:
        with self._lock:
            now = self._platform.engine.now()
            if self._due(now):
                self._begin(now)
            asking, known = self._asking, self._known
        if asking is not None:
            wait([asking], _PATIENCE_SECONDS if known else None)
            known = asking.result() if asking.done() else self._late(known, now)
        if known is None:
            raise AssertionError("the registry neither answered nor failed")
        return self.with_pending(known)

    def glance(self) -> Seen:
        """
        Return the last rows, and the open changes of now.

        Rows older than 15 s are read again in the background. Only the first call waits for them.
        """
        with self._lock:
            now = self._platform.engine.now()
            known, asked = self._known, self._asked_at
            if known is None or asked is None or self._expired or now - asked > _GLANCE:
                self._begin(now)
            asking = self._asking
        if known is None and asking is not None:
            known = asking.result()
        return self.with_pending(known or NOTHING_SEEN)

    def _late(self, known: Seen | None, now: datetime) -> Seen | None:
        if known is None or known.error or (known.at and now - known.at < self._recent):
            return known
        slow = RegistryUnavailableError(
            "The registry has not answered yet: these are its last known rows"
        )
        return replace(known, error=slow)

    def last(self) -> Seen:
        """Return the last rows without a request, maybe of an earlier run; no changes."""
        if self._known is not None:
            return self._known
        if self._stored is None:
            self._stored = self._read_stored()
        return self._stored

    def refresh(self) -> Seen:
        """Read the rows now, and wait for them; viewers of this moment share the reading."""
        with self._lock:
            asking = self._begin(self._platform.engine.now())
        return asking.result()

    def expire(self) -> None:
        """Expire the snapshot, so the next view reads again."""
        with self._lock:
            self._expired = True

    def _begin(self, now: datetime) -> Future[Seen]:
        if self._asking is None or self._asking.done():
            self._asked_at, self._expired = now, False
            self._asking = self._platform.engine.submit(self._ask, now)
        return self._asking

    def _due(self, now: datetime) -> bool:
        if self._known is None or self._asked_at is None:
            return True
        age = now - self._asked_at
        if self._known.error:
            return age > _AGAIN
        return self._expired or age > _FRESH

    def _ask(self, now: datetime) -> Seen:
        try:
            rows = self._platform.engine.versions.add_published(self._platform.engine.status())
        except PromotionError as error:
            seen = self._remembered(error)
        else:
            seen = Seen(rows, now)
            self._remember(seen)
        self._known = seen
        return seen

    def _remember(self, seen: Seen) -> None:
        now = seen.at
        if now is None:
            return
        # Keep the last known row of an environment that cannot be read.
        rows = [row for row in seen.rows if row.error is None]
        same = self._known is not None and self._known.rows == seen.rows
        if same and self._kept_at is not None and now - self._kept_at < _KEEP_ANYWAY:
            return
        try:
            self._records.store.store_statuses([CachedStatus(row, now) for row in rows])
            self._kept_at = now
        except StoreUnavailableError:
            # Only a server that starts while the registry is down would miss it.
            self._kept_at = None

    def _remembered(self, error: PromotionError) -> Seen:
        """Return the last rows from the registry, of this run or an earlier one."""
        if self._known is not None and self._known.rows:
            return replace(self._known, error=error)
        return replace(self._read_stored(), error=error)

    def _read_stored(self) -> Seen:
        try:
            seen = {each.status.name: each for each in self._records.store.statuses()}
        except StoreUnavailableError:
            seen = {}
        known = [seen[name] for name in self._platform.engine.path.names if name in seen]
        oldest = min((each.at for each in known), default=None)
        return Seen(tuple(each.status for each in known), oldest)

    def with_pending(self, seen: Seen = NOTHING_SEEN) -> Seen:
        """Add the open changes to `seen`: the last known ones while the store cannot be read."""
        error = None
        try:
            self._opened = (self._platform.store.open(), self._platform.engine.now())
        except PromotionError as problem:
            error = problem
        pending, at = self._opened
        return replace(seen, pending=pending, pending_at=at, store_error=error)

    def change(self, change_id: str) -> SeenChange | None:
        """
        Read a change: as last known while the store cannot be read. None if it does not exist.

        StoreUnavailableError if nothing is known about it.
        """
        try:
            found = self._platform.store.get(change_id)
        except StoreUnavailableError as error:
            if (known := self._known_change(change_id)) is None:
                raise
            return replace(known, error=error)
        if found is None:
            return None
        seen = SeenChange(found, self._platform.engine.now())
        with self._lock:
            self._changes.pop(change_id, None)
            self._changes[change_id] = seen
            if len(self._changes) > _KNOWN_CHANGES:
                del self._changes[next(iter(self._changes))]
        return seen

    def _known_change(self, change_id: str) -> SeenChange | None:
        """Return the last reading, for the page of the change or with the open changes."""
        pending, at = self._opened
        known = [SeenChange(each, at) for each in pending if at and each.id == change_id]
        if (shown := self._changes.get(change_id)) is not None:
            known.append(shown)
        return max(known, key=lambda each: each.at, default=None)
