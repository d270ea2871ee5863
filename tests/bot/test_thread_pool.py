"""Background work for Slack that fails is logged; known errors without their traceback."""

import logging
from concurrent.futures import Future

import pytest

from bot.thread_pool import log_failure
from engine.domain.errors import StoreUnavailableError


def failed(error: Exception) -> "Future[None]":
    future: Future[None] = Future()
    future.set_exception(error)
    return future


def test_known_error_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log_failure(failed(StoreUnavailableError("the database is down: try again")))

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    assert record.getMessage() == (
        "background work for Slack was not done: the database is down: try again"
    )


def test_unexpected_error_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log_failure(failed(KeyError("id")))

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.levelno == logging.ERROR
