"""Webhooks to test with, and who receives them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.adapters.webhooks import (
    Hook,
    SqlOutbox,
    Webhooks,
    keep_delivering,
    outbox_database,
)
from tests.peers.fake_http import FakeServer, Reply, Request


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Sink(FakeServer):
    """Accepts every message, unless a script says otherwise."""

    def respond(self, request: Request) -> Reply:
        return Reply(204)

    def url(self, path: str = "/hook") -> str:
        return f"http://{self.host}{path}"


def webhooks(
    folder: Path, *urls: str, pause: float = 0.01, product: str = "", **fields: Any
) -> Webhooks:
    """Webhooks at `urls`, with an outbox in `folder` that other ones there share."""
    hooks = [Hook(url, **fields) for url in urls]
    outbox = SqlOutbox(outbox_database(folder / "state"), product)
    return Webhooks(hooks, outbox, SystemClock(), pause_seconds=pause, product=product)


@contextmanager
def delivering(*senders: Webhooks) -> Iterator[None]:
    """A server's loop, for as long as the block lasts."""
    stop = threading.Event()
    products = {sender.product: sender for sender in senders}
    loop = threading.Thread(target=keep_delivering, args=(products, stop))
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join()
