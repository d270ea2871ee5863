"""Server-sent events: viewers learn that a change moved, and fetch the page."""

import json
from collections.abc import Callable, Iterator
from time import monotonic

from flask import Blueprint, Response, request

from web.authentication import UnauthenticatedError, may_look, visible_products
from web.event_feed import Feed
from web.site import shared

_HEARTBEAT_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# Browsers reconnect by themselves, so no viewer keeps a thread for ever.
_LONGEST_SECONDS = 300.0

stream = Blueprint("stream", __name__)


@stream.get("/events")
def events() -> Response:
    """Stream `moved` events with the change and the kind of event, of products one may see."""
    if not may_look():
        raise UnauthenticatedError("Sign in to follow events")
    feed = shared().feed
    if not feed.enter():
        # The page then polls every few seconds.
        return Response("Too many viewers: try again later\n", 503, {"Retry-After": "30"})
    gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", _present)
    visible = visible_products()
    answer = Response(_told(feed, _after(feed), gone, visible), mimetype="text/event-stream")
    answer.call_on_close(feed.leave)
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _told(
    feed: Feed, last: int, gone: Callable[[], bool], visible: Callable[[str], bool]
) -> Iterator[bytes]:
    yield f"retry: 3000\nid: {last}\n\n".encode()
    end, heard = monotonic() + _LONGEST_SECONDS, monotonic()
    while monotonic() < end and not gone():
        found = feed.after(last, _LOOK_SECONDS)
        if found is None:
            return
        for event in found:
            last = event.sequence
            if visible(event.product):
                heard = monotonic()
                content = json.dumps({"change": event.change_id, "kind": event.kind})
                yield f"id: {last}\nevent: moved\ndata: {content}\n\n".encode()
        if monotonic() - heard > _HEARTBEAT_SECONDS:
            heard = monotonic()
            yield b": still here\n\n"


def _after(feed: Feed) -> int:
    """Return the last event that a reconnecting browser has seen, at most the newest one."""
    said = request.headers.get("Last-Event-ID", "")
    return min(int(said), feed.last) if said.isdecimal() and len(said) < 18 else feed.last


def _present() -> bool:
    """Return True: this server cannot detect disconnects."""
    return False
