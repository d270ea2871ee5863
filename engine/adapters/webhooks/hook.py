"""One webhook as configured, and how its messages are signed."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

import httpx

from engine.domain.errors import ConfigError

_PREFIX = "whsec_"
_HASH_LENGTH = 16


@dataclass(frozen=True)
class Hook:
    """
    A webhook. `url`, the values of `headers` and `secret` are secrets: only `name` is shown.

    Raises ConfigError for an address or header that cannot be sent. `secret` is `whsec_` and
    base64, or plain text.
    """

    url: str = field(repr=False)
    events: tuple[str, ...] = ("promote", "rollback")
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 30
    retry_count: int = 3
    secret: str | None = field(default=None, repr=False)
    format: Literal["floe", "cdevents"] = "floe"

    def __post_init__(self) -> None:
        try:
            httpx.Request("POST", self.url, headers=dict(self.headers))
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            # Not chained: the text of the cause contains the secret.
            raise ConfigError(
                f"the webhook {self.name} has an address or header that cannot be sent "
                f"({type(error).__name__}): headers are ASCII"
            ) from None
        _ = self._key

    @cached_property
    def name(self) -> str:
        """The scheme and host, for people."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @cached_property
    def address(self) -> str:
        """A hash that identifies this webhook without its secret URL."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:_HASH_LENGTH]

    @cached_property
    def _key(self) -> bytes | None:
        if not self.secret or not self.secret.startswith(_PREFIX):
            return self.secret.encode() if self.secret else None
        text = self.secret.removeprefix(_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError:
            key = b""
        if not key:
            raise ConfigError(
                f"the webhook {self.name} has a secret that begins with {_PREFIX} and is not "
                "base64 behind it: copy it again"
            )
        return key

    def signature(self, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """
        The headers of Standard Webhooks, without a signature where there is no secret.

        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        """
        timestamp = str(int(now.timestamp()))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
        if self._key is not None:
            signed = f"{message_id}.{timestamp}.".encode() + body
            mac = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(mac).decode()}"
        return headers
