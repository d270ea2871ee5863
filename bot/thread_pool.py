"""Threads for what no listener waits for; nothing that goes wrong in them is lost."""

import logging
from concurrent.futures import Future

_log = logging.getLogger(__name__)


def report(done: "Future[None]") -> None:
    """Log what nobody expected; for `Future.add_done_callback`."""
    if done.cancelled():
        return
    error = done.exception()
    if error is not None:
        _log.error("work for Slack ended unexpectedly", exc_info=error)
