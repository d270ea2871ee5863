"""Slack's signature on every request that comes over HTTP, and the shape of what it signed."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.middleware import Middleware
from slack_sdk.signature import SignatureVerifier

_log = logging.getLogger(__name__)


class Verifying(Middleware):
    """
    Accepts what one of `secrets` signed within five minutes (two of them while they are rotated)
    and Bolt can read, which fails in the middle of anything else.
    Unlike Slack's own, it logs nothing of what it refuses, which holds secrets when it is genuine.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._verifiers = [SignatureVerifier(secret) for secret in secrets]

    def process(
        self, *, req: BoltRequest, resp: BoltResponse, next: Callable[[], BoltResponse]
    ) -> BoltResponse:
        del resp  # what Bolt would answer
        # Over Socket Mode nothing is signed: the connection itself is ours.
        if req.mode != "socket_mode" and not self._signed(req):
            _log.warning("a request was refused: not signed by Slack, or older than 5 minutes")
            return BoltResponse(status=401, body={"error": "invalid request"})
        wrong = illegible(req.body)
        if wrong is not None:
            _log.warning("a request of Slack was refused: '%s' is not as Slack sends it", wrong)
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
    """Whatever listeners are chosen by (https://docs.slack.dev/reference/interaction-payloads)."""

    type: str | None = None
    callback_id: str | None = None
    action_id: str | None = None
    block_id: str | None = None


class _Event(BaseModel):
    type: str
    subtype: str | None = None


class _Sent(_Named):
    command: str | None = None
    # These are there or they are not: Bolt does not expect null.
    actions: list[_Named] = Field([_Named()], min_length=1)
    event: _Event = _Event(type="")
    view: _Named | None = None


def illegible(body: Mapping[str, Any]) -> str | None:
    """The part of `body` that is not as Slack sends it; None when Bolt can read all of it."""
    try:
        _Sent.model_validate(body)
    except ValidationError as error:
        # Its place only: the value may be a secret.
        place = error.errors(include_input=False, include_url=False)[0]["loc"]
        return ".".join(map(str, place)) or "body"
    return None
