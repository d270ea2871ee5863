"""The ended sessions, read from the store every few seconds for all requests."""

import logging
import threading
from datetime import datetime, timedelta
from time import monotonic

from engine.bootstrap.server import SqlEndedSessions
from engine.domain.errors import StoreUnavailableError
from engine.runtime.wakeups import Topic, Wakeups

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


class EndedSessions:
    """
    Refuses sessions that were ended by signing out, here or on another server.

    While the store cannot be read, the last list counts; without one, all sessions are refused.
    """

    def __init__(self, store: SqlEndedSessions, wakeups: Wakeups) -> None:
        self._store = store
        self._wakeups = wakeups
        self._lock = threading.Lock()
        self._known: frozenset[str] | None = None
        self._next = 0.0
        wakeups.subscribe(Topic.SESSIONS, self._expire)

    def end(self, session_id: str, now: datetime, lasting: timedelta) -> None:
        """End a session that lasts until `now + lasting` at most; StoreUnavailableError if not."""
        self._store.end(session_id, now, now + lasting)
        self._expire()

    def has_ended(self, session_id: str) -> bool:
        """Whether the session was ended, or may have been."""
        with self._lock:
            if monotonic() >= self._next:
                # Before it is read: an announcement in between makes the next request read again.
                self._next = monotonic() + self._wakeups.pause(_LOOK_SECONDS)
                try:
                    self._known = self._store.ended()
                except StoreUnavailableError as error:
                    self._next = monotonic() + _LOOK_SECONDS
                    _log.warning("ended sessions cannot be read: %s", error)
            return self._known is None or session_id in self._known

    def _expire(self) -> None:
        self._next = 0.0
