"""Calls of Slack's Web API end, even if Slack does not read the request."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from bot.webapi import SlackApi, SlackCallError, web_client

# More than fits into the buffers of a connection.
LARGE = "x" * (32 * 1024 * 1024)


@pytest.fixture
def unread_server() -> Iterator[str]:
    """A server that accepts connections and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize(
    "call",
    [
        lambda url: SlackApi(web_client("xoxb-1", url, 2)).call("auth.test", {"text": LARGE}),
        lambda url: SlackApi(web_client("xoxb-1", url, 2)).read("auth.test", text=LARGE),
        lambda url: SlackApi(web_client("xoxb-1", url, 2)).respond(url, {"text": LARGE}),
    ],
    ids=["call", "read", "respond"],
)
def test_request_that_slack_does_not_read_ends_in_time(
    unread_server: str, call: Callable[[str], object]
) -> None:
    start = time.monotonic()

    with pytest.raises(SlackCallError) as caught:
        call(unread_server)

    assert caught.value.temporary
    assert time.monotonic() - start < 20
