"""Connections that bring a request in time: however few bytes come, and however many."""

import time

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

# What is larger than the app takes is refused as it comes, and not written to the disk first.
LARGEST_BODY = 2 * 1024 * 1024
REQUEST_SECONDS = 60.0
IDLE_SECONDS = 60


class _Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    # Waitress names it in its log where whoever sent an unreadable request has gone.
    path = ""


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """Closed when a request is not whole after `request_seconds`; waitress would wait on."""

    parser_class = _Request
    request_seconds = REQUEST_SECONDS
    _begun: float | None = None

    def received(self, data: bytes) -> bool:
        went: bool = super().received(data)
        if self.request is None:
            self._begun = None
        elif self._begun is None:
            self._begun = time.monotonic()
        elif time.monotonic() - self._begun > self.request_seconds:
            self.will_close = True
        return went
