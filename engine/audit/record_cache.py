"""Keeps a local copy of the ledgers; every entry in it is linked from the head."""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.domain.audit import KnownHead
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.domain.selection import Selection
from engine.ports import Clock, LedgerReader
from engine.ports.record_cache import CachedRange, CachedRecord, RecordStore

_log = logging.getLogger(__name__)
# A copy that lags by more entries is discarded and read again, newest first.
_MAX_LAG = 2000
_WALK_STEP = 1000


class HeadGuard(Protocol):
    """Detects that a ledger lost its newest entries; see `engine.execution.rewind_guard`."""

    def known(self, environment: str) -> KnownHead | None: ...

    def check(
        self, environment: str, head: LedgerEntry | None, known: KnownHead | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ReadHead:
    """
    The newest entry of a ledger, None if it is empty, as read at a time (UTC). `distrust` says why
    the ledger is not believed: it was shortened or rewritten.
    """

    entry: LedgerEntry | None
    at: datetime
    distrust: PromotionError | None = None


@dataclass
class Records:
    """
    The copy of the ledgers of `environments` in `store`.

    `refresh` reads new entries and a step of old ones. A server calls `run` in the background until
    the copy is complete, then at intervals. `errors` has the error of the last refresh by
    environment, and `heads` the newest entry of each ledger that was read.
    """

    environments: Sequence[str]
    ledger: LedgerReader
    store: RecordStore
    clock: Clock
    idle_seconds: float = 10
    # Entries read in one step, which is one transaction.
    step: int = 200
    errors: dict[str, PromotionError] = field(default_factory=dict)
    read_at: datetime | None = None
    refresh_soon: Callable[[], object] = lambda: None
    guard: HeadGuard | None = None
    heads: dict[str, ReadHead] = field(default_factory=dict)
    _refreshing: threading.Lock = field(default_factory=threading.Lock)
    # Counts the refreshes of all environments that began; the last of them had this result.
    _begun: int = 0
    _complete: bool = False
    # The environments that `run` reads next, unless it is time to read all of them.
    _moved: set[str] = field(default_factory=set)
    _all_due: float = -math.inf
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self, names: Collection[str] | None = None) -> bool:
        """
        Read new entries, and a step of older ones, of all environments or of `names`; return
        whether their copy is complete.

        Callers at the same time share one that began after they asked. Never raises: on an error
        the copy stays unchanged, and `errors` has the error.
        """
        begun = self._begun
        with self._refreshing:
            if self._begun > begun:
                return self._complete
            if names is not None:
                return self._read([each for each in self.environments if each in names])
            self._begun += 1
            self._complete = self._read(self.environments)
            if not self.errors:
                self.read_at = self.clock.now()
            return self._complete

    def _read(self, names: Sequence[str]) -> bool:
        try:
            covered = self.store.cached_ranges()
        except PromotionError as error:
            self.errors = dict.fromkeys(self.environments, error)
            _log.info("the copy of the records not read: %s", error)
            return False
        # A list, not a generator: every environment is read.
        return all([self._refresh(name, covered.get(name)) for name in names])

    def error(self, environment: str | None = None) -> PromotionError | None:
        """The error of the last refresh of `environment`, or of any environment."""
        if environment is not None:
            return self.errors.get(environment)
        return next(iter(self.errors.values()), None)

    def require(self, environment: str | None = None) -> None:
        """Raise that error; a copy of it, because other threads may raise it too."""
        if (error := self.error(environment)) is not None:
            raise type(error)(str(error), error.details)

    def _refresh(self, name: str, covered: CachedRange | None) -> bool:
        try:
            complete = self._follow(name, covered)
        except PromotionError as error:
            self.errors = self.errors | {name: error}
            _log.info("records of %s not read: %s", name, error)
            return False
        self.errors = {n: error for n, error in self.errors.items() if n != name}
        return complete

    def missing(self) -> dict[str, int]:
        """The number of older records not read yet, for each incomplete environment."""
        covered = self.store.cached_ranges().items()
        return {n: c.first - 1 for n, c in covered if n in self.environments and c.first > 1}

    def walk(self, selection: Selection) -> Iterator[CachedRecord]:
        """
        Yield the cached records that match, newest first, in steps of bounded memory.

        StoreUnavailableError if the copy is replaced during the walk, because some may be left out.
        """
        covered, after = self.store.cached_ranges(), None
        while page := self.store.page(selection, _WALK_STEP, after):
            yield from page
            last = page[-1]
            after = (last.record.at, last.environment, last.sequence)
            self._require(covered)
        self._require(covered)

    def _require(self, covered: Mapping[str, CachedRange]) -> None:
        kept = self.store.cached_ranges()
        for name, before in covered.items():
            now = kept.get(name)
            if now is None or now.first > before.first or now.last < before.last:
                raise StoreUnavailableError(
                    f"The copy of the ledger of {name} was replaced while it was read: try again"
                )

    def wake(self, names: Collection[str] = ()) -> None:
        """Refresh `names` soon, in the background, or all environments."""
        self.note(names)
        self.refresh_soon()

    def note(self, names: Collection[str] = ()) -> None:
        """Let the next `run` read `names`, or all environments."""
        with self._noting:
            self._moved.update(names)
            if not names:
                self._all_due = -math.inf

    def run(self) -> float:
        """
        Refresh the environments that moved, and all of them every `idle_seconds`.

        Return the seconds until the next time, 0 while the copy is incomplete.
        """
        with self._noting:
            began, moved, self._moved = time.monotonic(), self._moved, set()
            every = not moved or began >= self._all_due
            if every:
                self._all_due = began + self.idle_seconds
        if not self.refresh(None if every else moved) and not self.errors:
            self.note()
            return 0.0
        return max(0.0, self._all_due - time.monotonic())

    def fail(self, error: PromotionError) -> None:
        """Note that no ledger can be read now, because of `error`."""
        with self._refreshing:
            self.errors = dict.fromkeys(self.environments, error)

    def _head(self, name: str) -> LedgerEntry | None:
        known = self.guard.known(name) if self.guard else None
        head, distrust = self.ledger.head(name), None
        try:
            if self.guard:
                self.guard.check(name, head, known)
        except PromotionError as error:
            distrust = error
        self.heads = self.heads | {name: ReadHead(head, self.clock.now(), distrust)}
        return head

    def _follow(self, name: str, covered: CachedRange | None) -> bool:
        head = self._head(name)
        if head is None:
            if covered:
                self.store.forget(name)
            return True
        followed = covered and self._add_newer(name, head, covered)
        return self._add_older(name, followed) if followed else self._restart(name)

    def _restart(self, name: str) -> bool:
        """Discard the copy of `name` and read its newest entries."""
        self.store.forget(name)
        entries = self.ledger.history(name, self.step)
        if entries:
            self.store.extend(name, entries, None, _covering(entries))
        return not entries or entries[-1].sequence == 1

    def _add_newer(self, name: str, head: LedgerEntry, covered: CachedRange) -> CachedRange | None:
        """Add newer entries, return the range; None if the ledger does not continue the copy."""
        lag = head.sequence - covered.last
        if not lag:
            return covered if head.digest == covered.digest else None
        if not 0 < lag <= _MAX_LAG:
            return None
        # Numbers without a valid entry are skipped, so this may reach further back.
        read = (head,) if lag == 1 else self.ledger.history(name, lag)
        entries = tuple(each for each in read if each.sequence > covered.last)
        if not entries:
            return None
        if entries[-1].previous_sequence > covered.last:
            # The head has moved since it was read: the next refresh continues.
            return covered
        if entries[-1].previous != covered.digest:
            return None
        after = CachedRange(covered.first, entries[0].sequence, entries[0].digest, covered.before)
        self.store.extend(name, entries, covered, after)
        return after

    def _add_older(self, name: str, covered: CachedRange) -> bool:
        """Add a step of older entries; return whether the copy is complete."""
        if covered.before is None:
            return True
        entries = self.ledger.history(name, self.step, covered.first)
        if not entries or entries[0].digest != covered.before:
            self.store.forget(name)
            return False
        older = _covering(entries)
        after = CachedRange(older.first, covered.last, covered.digest, older.before)
        self.store.extend(name, entries, covered, after)
        return older.before is None


def _covering(entries: Sequence[LedgerEntry]) -> CachedRange:
    """The range of `entries`, which are newest first."""
    newest, oldest = entries[0], entries[-1]
    return CachedRange(oldest.sequence, newest.sequence, newest.digest, oldest.previous)
