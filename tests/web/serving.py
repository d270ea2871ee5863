"""Serves the page on a loopback port, as `floe serve` does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from web.connections import Connection
from web.server import Server


@contextmanager
def serving(
    app: Flask,
    port: int = 0,
    connection: type[Connection] = Connection,
    most: int | None = None,
) -> Iterator[str]:
    """Serve `app` and return its address, without a trailing slash."""
    server = Server(app, "127.0.0.1", port, connection, most)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.url.rstrip("/")
    finally:
        server.stop()
        thread.join(20)
