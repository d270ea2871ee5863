"""Server-sent events: whoever watches is told that something moved, and asks what."""

import json
from collections.abc import Callable, Iterator
from time import monotonic

from flask import Blueprint, Response, request

from web.authentication import UnauthenticatedError, may_look
from web.event_feed import Feed
from web.site import the_site

_HEARTBEAT_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# Browsers come back by themselves; so nobody holds a thread for ever.
_LONGEST_SECONDS = 300.0

stream = Blueprint("stream", __name__)


@stream.get("/events")
def events() -> Response:
    """`moved` events, each with the change and what happened to it."""
    if not may_look():
        raise UnauthenticatedError("Sign in to follow what happens")
    feed = the_site().feed
    if not feed.enter():
        # The page asks every few seconds instead.
        return Response("All places are taken: ask again later\n", 503, {"Retry-After": "30"})
    gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", _present)
    answer = Response(_told(feed, _after(feed), gone), mimetype="text/event-stream")
    answer.call_on_close(feed.leave)
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _told(feed: Feed, last: int, gone: Callable[[], bool]) -> Iterator[bytes]:
    yield f"retry: 3000\nid: {last}\n\n".encode()
    end, heard = monotonic() + _LONGEST_SECONDS, monotonic()
    while monotonic() < end and not gone():
        found = feed.after(last, _LOOK_SECONDS)
        if found is None:
            return
        for sequence, change_id, kind in found:
            last, heard = sequence, monotonic()
            content = json.dumps({"change": change_id, "kind": kind})
            yield f"id: {sequence}\nevent: moved\ndata: {content}\n\n".encode()
        if monotonic() - heard > _HEARTBEAT_SECONDS:
            heard = monotonic()
            yield b": still here\n\n"


def _after(feed: Feed) -> int:
    """Where the browser was, if it comes back, and never beyond where we are."""
    said = request.headers.get("Last-Event-ID", "")
    return min(int(said), feed.last) if said.isdecimal() and len(said) < 18 else feed.last


def _present() -> bool:
    """For servers that cannot tell."""
    return False
