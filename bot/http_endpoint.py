"""The HTTP route for Slack's commands, clicks, modals and events."""

import logging

from flask import Blueprint, Response, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler

_log = logging.getLogger(__name__)
# Slack sends at most a few hundred kilobytes (the state of a view).
_MOST_BYTES = 1024 * 1024


def slack_blueprint(app: App) -> Blueprint:
    """The Flask blueprint with POST /slack/events."""
    slack = Blueprint("slack", __name__)
    handler = SlackRequestHandler(app)

    @slack.post("/slack/events")
    def events() -> Response:
        request.max_content_length = _MOST_BYTES
        try:
            answer: Response = handler.handle(request)
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            # Slack does not send this. Bolt parses the body before it checks the signature; errors
            # of listeners do not reach this handler.
            _log.warning(
                "a request was refused: its body cannot be parsed (%s)", type(error).__name__
            )
            return Response(status=400)
        return answer

    return slack
