"""HTTP connections with time limits for headers, requests and readers."""

import resource
import time
from collections.abc import Iterable

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

# Larger bodies are refused as they arrive, before waitress writes them to disk.
LARGEST_BODY = 2 * 1024 * 1024
# From the first byte (or the connection, if no byte arrives) to the end of the headers.
HEADER_SECONDS = 10.0
REQUEST_SECONDS = 60.0
# Between two requests of a connection.
IDLE_SECONDS = 60
# While the reader of an answer takes none of it.
READING_SECONDS = 60.0
_MOST_CONNECTIONS = 8192
# Reserved for files, pipes, and connections to registries, Slack and gates.
_OTHER_FILES = 512
# At this percentage of all possible connections, the oldest ones are closed.
_CROWDED_PERCENT = 90


class _Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    # Waitress logs it if the sender of an unreadable request disconnected.
    path = ""


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """
    A connection that closes if headers take longer than `header_seconds`, a request longer than
    `request_seconds`, or if its answer is not read for `reading_seconds`. Waitress itself has no
    such limits.
    """

    parser_class = _Request
    header_seconds = HEADER_SECONDS
    request_seconds = REQUEST_SECONDS
    reading_seconds = READING_SECONDS
    # The start of the unfinished request; None between two requests.
    _begun: float | None = None
    _asked_last = 0.0
    # The last change of waitress's `last_activity`, and when it was seen.
    _activity, _read_last = 0.0, 0.0

    def add_channel(self, map: object = None) -> None:
        self._begun = time.monotonic()
        super().add_channel(map)

    @property
    def waiting_since(self) -> float | None:
        """Return the start of the wait for a whole request; None while one is answered."""
        return None if self.requests else self._begun or self._asked_last

    def received(self, data: bytes) -> bool:
        went: bool = super().received(data)
        if self.request is None:
            self._begun, self._asked_last = None, time.monotonic()
        elif self._begun is None:
            self._begun = time.monotonic()
        return went

    def readable(self) -> bool:
        """Check the time limits; the server's loop calls this at least twice a second."""
        begun = None if self.requests else self._begun
        if begun is not None and time.monotonic() - begun > self._patience:
            self.will_close = True
        if self._is_unread():
            # The thread that makes the answer waits for room, and ends now.
            self.handle_close()
            return False
        return bool(super().readable())

    def _is_unread(self) -> bool:
        now = time.monotonic()
        if not self.total_outbufs_len or self.last_activity != self._activity:
            self._activity, self._read_last = self.last_activity, now
        return now - self._read_last > self.reading_seconds

    @property
    def _patience(self) -> float:
        headed = self.request is not None and self.request.headers_finished
        return self.request_seconds if headed else self.header_seconds


def most_connections() -> int:
    """Raise the limit of open files, and return the number of possible connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    files = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    return max(files - _OTHER_FILES, files // 2)


def close_oldest(channels: Iterable[object], most: int) -> None:
    """Close the longest waiting of `channels` when their number comes near `most`."""
    found = [channel for channel in channels if isinstance(channel, Connection)]
    excess = len(found) - most * _CROWDED_PERCENT // 100
    if excess <= 0:
        return
    waiting = [channel for channel in found if channel.waiting_since is not None]
    for channel in sorted(waiting, key=lambda each: each.waiting_since or 0)[:excess]:
        channel.will_close = True
