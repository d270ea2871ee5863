"""Slack's requests over HTTP: one route for commands, clicks, modals and events."""

import logging

from flask import Blueprint, Response, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler

_log = logging.getLogger(__name__)
# Slack sends at most some hundred kilobytes (a view's state).
_MOST_BYTES = 1024 * 1024


def blueprint(app: App) -> Blueprint:
    """POST /slack/events, for the web application that serves it."""
    slack = Blueprint("slack", __name__)
    handler = SlackRequestHandler(app)

    @slack.post("/slack/events")
    def events() -> Response:
        request.max_content_length = _MOST_BYTES
        try:
            answer: Response = handler.handle(request)
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            # Nothing Slack sends: Bolt takes the body apart before its signature is looked at,
            # and what listeners of ours raise does not come out here.
            _log.warning("a request was refused: it cannot be read (%s)", type(error).__name__)
            return Response(status=400)
        return answer

    return slack
