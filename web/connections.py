"""Connections that bring a request in time: however few bytes come, and however many."""

import resource
import time
from collections.abc import Iterable

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

# What is larger than the app takes is refused as it comes, and not written to the disk first.
LARGEST_BODY = 2 * 1024 * 1024
# From the first byte, or from the connection where none comes, to the end of the headers.
HEADER_SECONDS = 10.0
REQUEST_SECONDS = 60.0
# Between two requests on one connection.
IDLE_SECONDS = 60
_MOST_CONNECTIONS = 8192
# Files, pipes, and connections to registries, Slack and gates.
_OTHER_FILES = 512
# Of the connections there may be, in percent: from here on the oldest ones are closed.
_CROWDED_PERCENT = 90


class _Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    # Waitress names it in its log where whoever sent an unreadable request has gone.
    path = ""


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """
    Closed when the headers of a request are not there after `header_seconds`, or the whole of it
    after `request_seconds`; waitress would wait on.
    """

    parser_class = _Request
    header_seconds = HEADER_SECONDS
    request_seconds = REQUEST_SECONDS
    # When the request that is not whole yet began; None between two requests.
    _begun: float | None = None
    _asked_last = 0.0

    def add_channel(self, map: object = None) -> None:
        self._begun = time.monotonic()
        super().add_channel(map)

    @property
    def waiting_since(self) -> float | None:
        """Since when nothing whole has come; None where a request is being answered."""
        return None if self.requests else self._begun or self._asked_last

    def received(self, data: bytes) -> bool:
        went: bool = super().received(data)
        if self.request is None:
            self._begun, self._asked_last = None, time.monotonic()
        elif self._begun is None:
            self._begun = time.monotonic()
        return went

    def readable(self) -> bool:
        """Asked by the server's loop at least twice a second."""
        begun = None if self.requests else self._begun
        if begun is not None and time.monotonic() - begun > self._patience:
            self.will_close = True
        return bool(super().readable())

    @property
    def _patience(self) -> float:
        headed = self.request is not None and self.request.headers_finished
        return self.request_seconds if headed else self.header_seconds


def most_connections() -> int:
    """How many connections this process has files for, once its limit is as high as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    files = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    return max(files - _OTHER_FILES, files // 2)


def close_oldest(channels: Iterable[object], most: int) -> None:
    """Make room where `channels` come near `most`: those that have waited longest go first."""
    found = [channel for channel in channels if isinstance(channel, Connection)]
    excess = len(found) - most * _CROWDED_PERCENT // 100
    if excess <= 0:
        return
    waiting = [channel for channel in found if channel.waiting_since is not None]
    for channel in sorted(waiting, key=lambda each: each.waiting_since or 0)[:excess]:
        channel.will_close = True
