"""Verifies the signature and the shape of Slack's requests."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.middleware import Middleware
from slack_sdk.signature import SignatureVerifier

_log = logging.getLogger(__name__)


class RequestVerification(Middleware):
    """
    Bolt middleware that accepts well-formed requests signed with one of `secrets`.

    Signatures are valid for five minutes; during a rotation there are two secrets. Malformed
    requests are refused, because Bolt would fail on them. Unlike Bolt's own middleware, this one
    does not log request bodies, which contain secrets.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._verifiers = [SignatureVerifier(secret) for secret in secrets]

    def process(
        self, *, req: BoltRequest, resp: BoltResponse, next: Callable[[], BoltResponse]
    ) -> BoltResponse:
        del resp  # the default response of Bolt
        # Socket Mode requests are not signed: they come over floe's own connection.
        if req.mode != "socket_mode" and not self._signed(req):
            _log.warning("a request was refused: not signed by Slack, or older than 5 minutes")
            return BoltResponse(status=401, body={"error": "invalid request"})
        malformed = find_malformed_field(req.body)
        if malformed is not None:
            _log.warning("a request from Slack was refused: '%s' is malformed", malformed)
            return BoltResponse(status=400, body="")
        return next()

    def _signed(self, req: BoltRequest) -> bool:
        timestamp = req.headers.get("x-slack-request-timestamp", [""])[0]
        signature = req.headers.get("x-slack-signature", [""])[0]
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            return False
        if not signature.isascii():
            return False
        return any(
            verifier.is_valid(req.raw_body, timestamp, signature) for verifier in self._verifiers
        )


class _Named(BaseModel):
    """Fields that select a listener (https://docs.slack.dev/reference/interaction-payloads)."""

    type: str | None = None
    callback_id: str | None = None
    action_id: str | None = None
    block_id: str | None = None


class _Event(BaseModel):
    type: str
    subtype: str | None = None


class _Body(_Named):
    command: str | None = None
    # Optional, but Bolt does not accept null.
    actions: list[_Named] = Field([_Named()], min_length=1)
    event: _Event = _Event(type="")
    view: _Named | None = None


def find_malformed_field(body: Mapping[str, Any]) -> str | None:
    """The path of a field that Bolt cannot read; None for a well-formed body."""
    try:
        _Body.model_validate(body)
    except ValidationError as error:
        # Only the path: the value may be a secret.
        path = error.errors(include_input=False, include_url=False)[0]["loc"]
        return ".".join(map(str, path)) or "body"
    return None
