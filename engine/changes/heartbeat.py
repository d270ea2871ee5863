"""The right to work on a change: renewed while its holder lives, free once it died."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from engine.domain.errors import PromotionError
from engine.ports import Clock
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)


@contextmanager
def kept_alive(
    store: ChangeStore, clock: Clock, change_id: str, worker: str, seconds: float
) -> Iterator[None]:
    """Renew the claim of `worker` on a change again and again, each time for `seconds`."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds / 3):
            try:
                store.renew(change_id, worker, clock.now(), timedelta(seconds=seconds))
            except PromotionError as error:
                _log.warning("the claim on %s was not renewed: %s", change_id, error)

    heart = threading.Thread(target=beat, name="floe-claim", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
