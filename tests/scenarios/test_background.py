"""Background loops keep running: after an error they log it, wait and continue."""

import logging

import pytest

from engine.domain.errors import StoreUnavailableError
from engine.runtime.background import keep_running


def test_expected_error_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        raise StoreUnavailableError("the store does not answer")

    assert rests == [5]
    [line] = caplog.records
    assert line.getMessage() == "changes cannot be worked on: the store does not answer"
    assert (line.levelno, line.exc_info) == (logging.WARNING, None)


def test_unexpected_error_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        raise ZeroDivisionError("division by zero")

    assert rests == [5]
    assert "please report it" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_ctrl_c_ends_the_thread() -> None:
    with pytest.raises(KeyboardInterrupt), keep_running("changes cannot be worked on", print, 5):
        raise KeyboardInterrupt


def test_successful_round_is_followed_by_no_pause() -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        pass

    assert rests == []
