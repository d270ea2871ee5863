"""Error logging for background work."""

import logging
from concurrent.futures import Future

_log = logging.getLogger(__name__)


def log_failure(done: "Future[None]") -> None:
    """Log an unexpected error; a callback for `Future.add_done_callback`."""
    if done.cancelled():
        return
    error = done.exception()
    if error is not None:
        _log.error("background work for Slack failed unexpectedly", exc_info=error)
