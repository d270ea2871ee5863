"""Calls of Slack's Web API, and what their failures mean."""

import logging
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.block_kit_limits import message_problems, view_problems

_log = logging.getLogger(__name__)
# Slack's libraries log bodies and parameters, which hold trigger_ids and response_urls.
_quiet = "floe.slack"
# https://docs.slack.dev/reference/methods: Slack itself is in trouble.
_PASSING = frozenset(
    {
        "fatal_error",
        "internal_error",
        "ratelimited",
        "rate_limited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_DEFAULT_PAUSE = 30.0


class SlackTrouble(Exception):
    """
    Slack did not do what it was asked. `code` is its word for why.

    `passing`: asking again later may help, not before `retry_after` seconds where it says so.
    `unknown`: whether it was done cannot be told from the answer, or there was none.
    """

    def __init__(
        self,
        code: str,
        *,
        passing: bool = False,
        unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.passing = passing
        self.unknown = unknown
        self.retry_after = retry_after


def quiet_logger() -> logging.Logger:
    """The logger given to Slack's libraries: warnings only, whatever the root logger asks for."""
    logger = logging.getLogger(_quiet)
    logger.setLevel(logging.ERROR)
    return logger


def web_client(token: str, base_url: str | None, timeout_seconds: int = 10) -> WebClient:
    """A client without retries: who may wait decides how long."""
    return WebClient(
        token,
        base_url=base_url or WebClient.BASE_URL,
        timeout=timeout_seconds,
        retry_handlers=[],
        logger=quiet_logger(),
    )


class SlackApi:
    """The Web API as this bot's user."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def call(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer, which is ok; else SlackTrouble."""
        _look_at(method, arguments)
        try:
            response = self._client.api_call(method, json=dict(arguments))
        except SlackApiError as error:
            raise _trouble(error) from None
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            # ValueError: an answer that is no JSON, which slack_sdk lets through in places.
            raise SlackTrouble(
                f"no answer ({type(error).__name__})", passing=True, unknown=True
            ) from error
        data = response.data
        if not isinstance(data, dict):
            raise SlackTrouble("no JSON", passing=True, unknown=True)
        return data

    def read(self, method: str, **parameters: str | int | bool) -> dict[str, Any]:
        """As `call`; reading methods take no JSON."""
        try:
            response = self._client.api_call(method, params=parameters)
        except SlackApiError as error:
            raise _trouble(error) from None
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            raise SlackTrouble(f"no answer ({type(error).__name__})", passing=True) from error
        data = response.data
        if not isinstance(data, dict):
            raise SlackTrouble("no JSON", passing=True)
        return data


def respond(url: str, arguments: Mapping[str, Any], timeout_seconds: int = 10) -> None:
    """Answer one person through the `url` Slack gave for it; SlackTrouble when it is not taken."""
    client = WebhookClient(url, timeout=timeout_seconds, logger=quiet_logger(), retry_handlers=[])
    try:
        answer = client.send_dict(
            {**arguments, "response_type": "ephemeral", "replace_original": False}
        )
    except (OSError, HTTPException, ValueError) as error:
        # Without the cause: its text may name the url, which is a secret.
        raise SlackTrouble(f"no answer ({type(error).__name__})", passing=True) from None
    if answer.status_code == 429 or answer.status_code >= 500:
        pause = _seconds(answer.headers) if answer.status_code == 429 else None
        raise SlackTrouble(f"http_{answer.status_code}", passing=True, retry_after=pause)
    if answer.status_code != 200:
        raise SlackTrouble(f"http_{answer.status_code}")


def _look_at(method: str, arguments: Mapping[str, Any]) -> None:
    """Slack says little about why it refuses a layout; tests refuse on the same grounds."""
    if method.startswith("chat."):
        problems = message_problems(arguments)
    elif method.startswith("views."):
        problems = view_problems(arguments["view"])
    else:
        return
    for problem in problems:
        _log.warning("%s: beyond Slack's limits: %s", method, problem)


def _trouble(error: SlackApiError) -> SlackTrouble:
    response = error.response
    status = response.status_code
    data = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error") or f"http_{status}")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return SlackTrouble(code, passing=True, retry_after=_seconds(response.headers))
    if status >= 500:
        return SlackTrouble(f"http_{status}", passing=True, unknown=True)
    return SlackTrouble(code[:100], passing=code in _PASSING, unknown=code in _PASSING)


def _seconds(headers: Mapping[str, str]) -> float:
    found = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    try:
        return min(max(float(found), 0.1), 600.0)
    except ValueError:
        return _DEFAULT_PAUSE
