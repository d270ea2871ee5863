"""Interrupts that reach a command in the middle of a library's work."""

import json
import signal

import click
import pytest

from cli.interruption import interrupt
from cli.output import Answer, deliver
from engine.domain.errors import PromotionError
from engine.responses.common import FailureResponse


def failed(error: PromotionError) -> Answer:
    response = FailureResponse.of(error, "a" * 32)
    return Answer(response, [str(error)], error.exit_code, failed=True)


def interrupted_library() -> Answer:
    """Turn the interrupt into another error, as pydantic does while it builds a model."""
    try:
        interrupt(signal.SIGINT, None)
    except KeyboardInterrupt as error:
        raise RuntimeError("cannot build a model") from error
    raise AssertionError("not interrupted")


def broken_library() -> Answer:
    raise RuntimeError("cannot build a model")


@pytest.mark.requirement("FR-032")
def test_interrupt_that_a_library_hides_ends_the_command_with_130(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(click.exceptions.Exit) as ended:
        deliver("json", interrupted_library, failed)

    assert ended.value.exit_code == 130
    assert json.loads(capsys.readouterr().out)["error"]["reason_code"] == "interrupted"


def test_error_after_an_earlier_interrupt_is_not_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit):
        deliver("json", interrupted_library, failed)
    capsys.readouterr()

    with pytest.raises(click.exceptions.Exit) as ended:
        deliver("json", broken_library, failed)

    assert ended.value.exit_code == 1
    assert "Unexpected RuntimeError: cannot build a model" in capsys.readouterr().out
