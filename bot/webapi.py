"""Calls Slack's Web API and classifies its errors."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.block_kit_limits import message_problems, view_problems

_log = logging.getLogger(__name__)
_LOGGER_NAME = "floe.slack"
# Errors inside Slack, see https://docs.slack.dev/reference/methods.
_TEMPORARY = frozenset(
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


class SlackCallError(Exception):
    """
    A call to Slack failed with the error `code`.

    `temporary` errors may be retried, after `retry_after` seconds if it is set. With
    `outcome_unknown`, Slack may have carried out the call.
    """

    def __init__(
        self,
        code: str,
        *,
        temporary: bool = False,
        outcome_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.temporary = temporary
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


def quiet_logger() -> logging.Logger:
    """A logger for Slack's libraries, which would log request bodies with secrets."""
    logger = logging.getLogger(_LOGGER_NAME)
    logger.setLevel(logging.ERROR)
    return logger


def silent_logger() -> logging.Logger:
    """A logger for callers that show each error themselves."""
    logger = logging.getLogger(f"{_LOGGER_NAME}.silent")
    logger.disabled = True
    return logger


def web_client(
    token: str,
    base_url: str | None,
    timeout_seconds: int = 10,
    logger: logging.Logger | None = None,
) -> WebClient:
    """A client without retries; callers decide how long they wait."""
    return WebClient(
        token,
        base_url=base_url or WebClient.BASE_URL,
        timeout=timeout_seconds,
        retry_handlers=[],
        logger=logger or quiet_logger(),
    )


@dataclass
class Contact:
    """Whether Slack answers this server: `unanswered` counts the newest calls without an answer."""

    unanswered: int = 0


class SlackApi:
    """The Web API with the bot's token; `contact` is shared by all clients of a server."""

    def __init__(self, client: WebClient, contact: Contact | None = None) -> None:
        self._client = client
        self.contact = contact or Contact()

    def call(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a writing method; SlackCallError if Slack refuses it or does not answer."""
        _log_limit_violations(method, arguments)
        return self._request(method, writes=True, json=dict(arguments))[0]

    def read(self, method: str, **parameters: str | int | bool) -> dict[str, Any]:
        """Call a reading method, which takes no JSON."""
        return self._request(method, writes=False, params=parameters)[0]

    def granted_scopes(self) -> tuple[str, frozenset[str] | None]:
        """The name of the workspace, and the scopes of the token if Slack sends them."""
        data, headers = self._request("auth.test", writes=False)
        listed = {name.lower(): value for name, value in headers.items()}.get("x-oauth-scopes")
        scopes = None if listed is None else frozenset(listed.replace(",", " ").split())
        return str(data.get("team") or data.get("team_id") or ""), scopes

    def _request(
        self, method: str, *, writes: bool, **content: Any
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The answer to a call, and its headers."""
        try:
            response = self._client.api_call(method, **content)
        except SlackApiError as error:
            self.contact.unanswered = 0
            raise _call_error(error) from None
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            # ValueError: the answer is not JSON, which slack_sdk does not always catch.
            self.contact.unanswered += 1
            raise SlackCallError(
                f"no answer ({type(error).__name__})", temporary=True, outcome_unknown=writes
            ) from error
        data = response.data
        if not isinstance(data, dict):
            raise SlackCallError("no JSON", temporary=True, outcome_unknown=writes)
        self.contact.unanswered = 0
        return data, response.headers

    def respond(self, url: str, arguments: Mapping[str, Any]) -> None:
        """Answer one person through a response_url; SlackCallError if Slack refuses it."""
        timeout = self._client.timeout
        client = WebhookClient(url, timeout=timeout, logger=quiet_logger(), retry_handlers=[])
        try:
            answer = client.send_dict(
                {**arguments, "response_type": "ephemeral", "replace_original": False}
            )
        except (OSError, HTTPException, ValueError) as error:
            self.contact.unanswered += 1
            # Without the cause: its text may contain the url, which is a secret.
            raise SlackCallError(f"no answer ({type(error).__name__})", temporary=True) from None
        self.contact.unanswered = 0
        if answer.status_code == 429 or answer.status_code >= 500:
            pause = _seconds(answer.headers) if answer.status_code == 429 else None
            raise SlackCallError(f"http_{answer.status_code}", temporary=True, retry_after=pause)
        if answer.status_code != 200:
            raise SlackCallError(f"http_{answer.status_code}")


def _log_limit_violations(method: str, arguments: Mapping[str, Any]) -> None:
    """Log limits that a message exceeds, because Slack's own errors do not name them."""
    if method.startswith("chat."):
        problems = message_problems(arguments)
    elif method.startswith("views."):
        problems = view_problems(arguments["view"])
    else:
        return
    for problem in problems:
        _log.warning("%s: exceeds Slack's limits: %s", method, problem)


def _call_error(error: SlackApiError) -> SlackCallError:
    response = error.response
    status = response.status_code
    data = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error") or f"http_{status}")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return SlackCallError(code, temporary=True, retry_after=_seconds(response.headers))
    if status >= 500:
        return SlackCallError(f"http_{status}", temporary=True, outcome_unknown=True)
    return SlackCallError(
        code[:100], temporary=code in _TEMPORARY, outcome_unknown=code in _TEMPORARY
    )


def _seconds(headers: Mapping[str, str]) -> float:
    found = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    try:
        return min(max(float(found), 0.1), 600.0)
    except ValueError:
        return _DEFAULT_PAUSE
