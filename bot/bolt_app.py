"""Builds the Bolt app, which verifies requests and calls listeners."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bot.request_verification import RequestVerification
from bot.webapi import quiet_logger, web_client

_log = logging.getLogger(__name__)


def _authorize_with(bot_token: str) -> Callable[..., AuthorizeResult]:
    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=bot_token)

    return authorize


def build_app(
    bot_token: str,
    api_url: str | None,
    signing_secrets: tuple[str, ...],
    listeners: ThreadPoolExecutor,
) -> App:
    """Build the app that receives requests; the listeners are added to it."""
    app = App(
        logger=quiet_logger(),
        client=web_client(bot_token, api_url),
        # Bolt would call Slack for every request; the signature already proves the app.
        authorize=_authorize_with(bot_token),
        request_verification_enabled=False,
        before_authorize=RequestVerification(signing_secrets),
        listener_executor=listeners,
        raise_error_for_unhandled_request=True,
    )

    @app.error
    def last_resort(error: Exception) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            _log.info("Slack sent a request that this version of floe does not handle")
            return BoltResponse(status=404, body="")
        _log.error("a request from Slack failed unexpectedly", exc_info=error)
        return BoltResponse(status=500, body="")

    return app
