"""Background work: a loop that starts it in a pool of threads, and error logging."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from engine.domain.errors import PromotionError
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)


def log_failure(done: "Future[None]") -> None:
    """Log an error; a callback for `Future.add_done_callback`."""
    if done.cancelled():
        return
    error = done.exception()
    if isinstance(error, PromotionError):
        _log.warning("background work for Slack was not done: %s", error)
    elif error is not None:
        _log.error("background work for Slack failed unexpectedly", exc_info=error)


class PoolLoop:
    """
    Calls `look`, which starts work in `pool`, again after the seconds that it returns.

    `problem` is logged when it fails; it is called again after `retry` seconds and one `poll`.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], float],
        problem: str,
        *,
        poll: float,
        retry: float,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._look = look
        self._problem = problem
        self._poll = poll
        self._retry = retry
        self._pool = pool
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look again now."""
        self._awake.set()

    def stop(self) -> None:
        """Wait for running work, and cancel the rest."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._poll
            with keep_running(self._problem, self._stopping.wait, self._retry):
                pause = self._look()
            self._awake.wait(pause)
            self._awake.clear()
