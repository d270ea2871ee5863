"""The clock: of the system, or of the database that several machines share."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from engine.bootstrap.state import WAIT_SECONDS, server_of
from engine.config import ServerConfig
from engine.domain.errors import StoreUnavailableError
from engine.ports import Clock

_log = logging.getLogger(__name__)
_SYNC_SECONDS = 60.0
_RETRY_SECONDS = 5.0


def _since_boot() -> float:
    """Seconds that, unlike `time.monotonic`, count on while the machine is suspended."""
    number = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if number is None else time.clock_gettime(number)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class DatabaseClock:
    """
    The time of the database, so that claims of machines with different clocks compare.

    `read` asks the database, about once a minute; in between, `elapsed` counts. While the
    database does not answer, its last answer counts, and the system's clock before the first.
    """

    read: Callable[[], float]
    elapsed: Callable[[], float] = _since_boot
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _offset: float | None = None
    _next: float = float("-inf")

    def now(self) -> datetime:
        # Only the first answer is waited for; one thread at a time asks again.
        if self.elapsed() >= self._next and self._lock.acquire(blocking=self._offset is None):
            try:
                if self.elapsed() >= self._next:
                    self._synchronize()
            finally:
                self._lock.release()
        if self._offset is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(self.elapsed() + self._offset, UTC)

    def _synchronize(self) -> None:
        before = self.elapsed()
        try:
            there = self.read()
        except StoreUnavailableError as error:
            _log.warning("the clock of the database cannot be read: %s", error)
            self._next = self.elapsed() + _RETRY_SECONDS
            return
        after = self.elapsed()
        self._offset = there - (before + after) / 2
        self._next = after + _SYNC_SECONDS


def clock_of(config: ServerConfig) -> Clock:
    if config.state_url is None:
        return SystemClock()
    return _clock_at(config.state_url.get_secret_value())


@cache
def _clock_at(url: str) -> Clock:
    return DatabaseClock(server_of(url, WAIT_SECONDS).now)
