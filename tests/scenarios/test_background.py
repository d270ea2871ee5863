"""Threads that must not end: they rest after trouble, and say what they have met."""

import logging

import pytest

from engine.domain.errors import StoreUnavailableError
from engine.runtime.background import keep_running


def test_what_may_happen_is_said_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        raise StoreUnavailableError("the store does not answer")

    assert rests == [5]
    [line] = caplog.records
    assert line.getMessage() == "changes cannot be worked on: the store does not answer"
    assert (line.levelno, line.exc_info) == (logging.WARNING, None)


def test_a_defect_is_told_with_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        raise ZeroDivisionError("division by zero")

    assert rests == [5]
    assert "please report it" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_ctrl_c_ends_the_thread() -> None:
    with pytest.raises(KeyboardInterrupt), keep_running("changes cannot be worked on", print, 5):
        raise KeyboardInterrupt


def test_a_round_that_goes_well_is_followed_by_no_rest() -> None:
    rests: list[float] = []

    with keep_running("changes cannot be worked on", rests.append, 5):
        pass

    assert rests == []
