"""Slack's requests over HTTP: one route for commands, clicks, modals and events."""

from flask import Blueprint, Response, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler

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
        except (ValueError, RecursionError):
            # Nothing Slack sends: the body is taken apart before its signature is looked at.
            return Response(status=400)
        return answer

    return slack
