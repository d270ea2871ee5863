"""Keep a copy of the ledgers near, every entry of it proven by the head it is linked from."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.ports import Clock, LedgerReader
from engine.ports.record_cache import CachedRange, RecordStore
from engine.runtime.background import enduring

_log = logging.getLogger(__name__)
# A copy that is further behind is begun anew, newest first.
_FAR = 2000


@dataclass
class Records:
    """
    The copy of the ledgers of `environments` in `kept`.

    `refresh` learns what is new; a thread between `start` and `stop` does so too, and reads what
    is older until all of it is there. `trouble` is why the last look failed, None when it did not.
    """

    environments: Sequence[str]
    ledger: LedgerReader
    kept: RecordStore
    clock: Clock
    idle_seconds: float = 10
    # Entries read in one step, which is one transaction.
    step: int = 200
    troubles: dict[str, PromotionError] = field(default_factory=dict)
    read_at: datetime | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _wanted: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def refresh(self) -> bool:
        """
        Learn what is new, and a step of what is older; whether everything is there now.

        Raises nothing: what is kept stays what it was, and `troubles` says why, by environment.
        """
        with self._looking:
            # No generator: every environment is looked at, complete or not.
            complete = all([self._look(name) for name in self.environments])
            if not self.troubles:
                self.read_at = self.clock.now()
            return complete

    def trouble(self, environment: str | None = None) -> PromotionError | None:
        """Why the records of `environment`, or of any, are not as new as they should be."""
        if environment is not None:
            return self.troubles.get(environment)
        return next(iter(self.troubles.values()), None)

    def _look(self, name: str) -> bool:
        try:
            complete = self._follow(name)
        except PromotionError as error:
            self.troubles = self.troubles | {name: error}
            _log.info("the records of %s are not read: %s", name, error)
            return False
        self.troubles = {n: error for n, error in self.troubles.items() if n != name}
        return complete

    def missing(self) -> dict[str, int]:
        """How many older records of each environment have yet to be read, where there are any."""
        covered = {name: self.kept.cached_range(name) for name in self.environments}
        return {name: c.first - 1 for name, c in covered.items() if c and c.first > 1}

    def wake(self) -> None:
        """Look now: something has happened."""
        self._wanted.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="floe-records", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()
        if self._thread:
            self._thread.join(30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with enduring("the records are not read", self._stopping.wait, self.idle_seconds):
                if not self.refresh() and not self.troubles:
                    continue
                self._wanted.wait(self.idle_seconds)
                self._wanted.clear()

    def _follow(self, name: str) -> bool:
        head, covered = self.ledger.head(name), self.kept.cached_range(name)
        if head is None:
            if covered:
                self.kept.forget(name)
            return True
        if covered is None or not self._continue(name, head, covered):
            return self._begin(name)
        return self._go_back(name)

    def _begin(self, name: str) -> bool:
        self.kept.forget(name)
        entries = self.ledger.history(name, self.step)
        if entries:
            self.kept.extend(name, entries, None, _covering(entries))
        return not entries or entries[-1].sequence == 1

    def _continue(self, name: str, head: LedgerEntry, covered: CachedRange) -> bool:
        """Keep what is new; False where the ledger is not the one that is kept, continued."""
        behind = head.sequence - covered.last
        if not behind:
            return head.digest == covered.digest
        if not 0 < behind <= _FAR:
            return False
        entries = self.ledger.history(name, behind)
        if not entries:
            return False
        if entries[-1].sequence != covered.last + 1:
            # The head has moved on meanwhile: the next look finds it.
            return True
        if entries[-1].previous != covered.digest:
            return False
        after = CachedRange(covered.first, entries[0].sequence, entries[0].digest, covered.before)
        self.kept.extend(name, entries, covered, after)
        return True

    def _go_back(self, name: str) -> bool:
        covered = self.kept.cached_range(name)
        if covered is None or covered.before is None:
            return covered is not None
        entries = self.ledger.history(name, self.step, covered.first)
        if not entries or entries[0].digest != covered.before:
            self.kept.forget(name)
            return False
        older = _covering(entries)
        after = CachedRange(older.first, covered.last, covered.digest, older.before)
        self.kept.extend(name, entries, covered, after)
        return older.before is None


def _covering(entries: Sequence[LedgerEntry]) -> CachedRange:
    """What `entries`, newest first, cover."""
    newest, oldest = entries[0], entries[-1]
    return CachedRange(oldest.sequence, newest.sequence, newest.digest, oldest.previous)
