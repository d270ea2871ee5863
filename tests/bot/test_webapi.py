"""Calls of Slack's Web API end, even if Slack does not read the request."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from bot.webapi import SlackApi, SlackTrouble, respond, web_client

# More than a connection takes on before anything is read.
LARGE = "x" * (32 * 1024 * 1024)


@pytest.fixture
def deaf() -> Iterator[str]:
    """A server that takes connections and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: SlackApi(web_client("xoxb-1", url, 2)).call("auth.test", {"text": LARGE}),
        lambda url: SlackApi(web_client("xoxb-1", url, 2)).read("auth.test", text=LARGE),
        lambda url: respond(url, {"text": LARGE}, timeout_seconds=2),
    ],
    ids=["call", "read", "respond"],
)
def test_request_that_slack_does_not_read_ends_in_time(
    deaf: str, ask: Callable[[str], object]
) -> None:
    start = time.monotonic()

    with pytest.raises(SlackTrouble) as caught:
        ask(deaf)

    assert caught.value.passing
    assert time.monotonic() - start < 20
