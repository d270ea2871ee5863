"""Keep a background loop running: log the error, wait, retry."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.domain.errors import PromotionError

_log = logging.getLogger(__name__)


@contextmanager
def keep_running(problem: str, pause: Callable[[float], object], seconds: float) -> Iterator[None]:
    """
    Run one iteration of a background loop, whose thread is never restarted.

    An exception is logged as `problem`, an unexpected one with its traceback. Then `pause` is
    called with `seconds`: pass the `wait` of the event that stops the thread.
    """
    try:
        yield
    except PromotionError as error:
        _log.warning("%s: %s", problem, error)
        pause(seconds)
    except Exception:  # noqa: BLE001 - the thread's last handler, for it must not end
        _log.exception("%s: floe has a defect here, please report it", problem)
        pause(seconds)
