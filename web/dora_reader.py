"""Reads the figures of delivery from the copy of the ledgers, within limits."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge

from engine.bootstrap.server import CachedRange, Records
from engine.domain.dora import LOOKBACK, MeasuredPromotion, check_period, measure_promotions
from engine.domain.errors import UsageError
from engine.domain.record import AnyRecord
from engine.domain.selection import Selection

# Promotions and rollbacks of one period, which are read in about two seconds.
MOST_MOVES = 20_000
# The end of a period may be older than now by this.
_FRESH = timedelta(minutes=1)
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """The promotions of a period, by environment. `unread` counts older records to come."""

    since: datetime
    until: datetime
    found: dict[str, list[MeasuredPromotion]]
    unread: dict[str, int]


class DoraReader:
    """Reads each period once for all viewers, until a ledger moves or a minute has passed."""

    def __init__(self, records: Records, most: int = MOST_MOVES) -> None:
        self._records = records
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[int, tuple[dict[str, CachedRange], Measured]] = {}

    def read(self, period: timedelta, now: datetime) -> Measured:
        """
        Read the promotions of the `period` until about `now`; both may differ by a minute.

        UsageError for a period that is too long, or that has too many moves; the error of the
        copy while it cannot be read.
        """
        check_period(now - period, now)
        records = self._records
        records.refresh()
        records.require()
        with self._lock:
            covered = records.store.cached_ranges()
            # A period since a fixed time grows with each request.
            minutes = round(period / _FRESH)
            before, known = self._known.get(minutes, (None, None))
            if known is not None and before == covered and now - known.until < _FRESH:
                return known
            made = self._read(now - period, now)
            self._known.pop(minutes, None)
            self._known[minutes] = (covered, made)
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
            return made

    def _read(self, since: datetime, until: datetime) -> Measured:
        found = measure_promotions(self._moves(since), since, until)
        return Measured(since, until, found, self._records.missing())

    def _moves(self, since: datetime) -> Iterator[AnyRecord]:
        """Yield the promotions and rollbacks `since` then and `LOOKBACK` before, newest first."""
        walks = (
            self._records.walk(Selection(kind=k, since=since - LOOKBACK))
            for k in ("promotion", "rollback")
        )
        newest_first = merge(*walks, key=lambda kept: kept.record.at, reverse=True)
        for number, kept in enumerate(newest_first):
            if number >= self._most and kept.record.at >= since:
                raise UsageError(
                    f"This period has more than {self._most} promotions and rollbacks: choose a "
                    "shorter one"
                )
            yield kept.record
