"""The clock: of the system, or of the database that several machines share."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from engine.bootstrap.state import WAIT_SECONDS, server_of
from engine.config import Config
from engine.domain.errors import StoreUnavailableError
from engine.ports import Clock

_log = logging.getLogger(__name__)
_SYNC_SECONDS = 60.0


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class DatabaseClock:
    """
    The time of the database, so that claims of machines with different clocks compare.

    `read` asks the database, about once a minute; in between, `monotonic` counts. While the
    database does not answer, its last answer counts, and the system's clock before the first.
    """

    read: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _offset: float | None = None
    _asked: float = float("-inf")

    def now(self) -> datetime:
        with self._lock:
            if self.monotonic() - self._asked >= _SYNC_SECONDS:
                self._synchronize()
            if self._offset is None:
                return datetime.now(UTC)
            return datetime.fromtimestamp(self.monotonic() + self._offset, UTC)

    def _synchronize(self) -> None:
        before = self.monotonic()
        try:
            there = self.read()
        except StoreUnavailableError as error:
            _log.warning("the clock of the database cannot be read: %s", error)
            return
        self._asked = self.monotonic()
        self._offset = there - (before + self._asked) / 2


def clock_of(config: Config) -> Clock:
    if config.state_url is None:
        return SystemClock()
    return _clock_at(config.state_url.get_secret_value())


@cache
def _clock_at(url: str) -> Clock:
    return DatabaseClock(server_of(url, WAIT_SECONDS).now)
