"""Clients that connect and never finish a request."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

# The bytes that each of them sends in turn.
_BEGUN = (b"", b"GET / HT", b"POST /slack/events HTTP/1.1\r\nContent-Length: 99\r\n\r\n")


@contextmanager
def half_open(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Open `count` connections to `url` that send only a part of a request."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        connections = []
        for number in range(count):
            made = socket.create_connection((parts.hostname, parts.port or 80), timeout=60)
            stack.enter_context(made).sendall(_BEGUN[number % len(_BEGUN)])
            connections.append(made)
        yield connections


def still_open(connections: list[socket.socket]) -> int:
    """Count the connections that the server has not closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN | select.POLLHUP)
    return len(connections) - len(poll.poll(0))
