"""Threads that go on: what goes wrong in one round is logged, and the next one is tried."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.domain.errors import PromotionError

_log = logging.getLogger(__name__)


@contextmanager
def enduring(trouble: str, rest: Callable[[float], object], seconds: float) -> Iterator[None]:
    """
    One round of a thread that must not end: nobody would notice, and nothing begins it anew.

    What is raised inside is logged as `trouble`, with its traceback where nobody expected it; then
    `rest` is called with `seconds`. Give it the `wait` of what tells the thread to stop.
    """
    try:
        yield
    except PromotionError as error:
        _log.warning("%s: %s", trouble, error)
        rest(seconds)
    except Exception:  # noqa: BLE001 - the thread's last handler, for it must not end
        _log.exception("%s: floe has a defect here, please report it", trouble)
        rest(seconds)
