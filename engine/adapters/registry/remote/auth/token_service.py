"""
Requests access tokens from the token service of a registry.

https://distribution.github.io/distribution/spec/auth/token/ and …/spec/auth/oauth/
"""

import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.adapters.registry.remote.auth.challenge import Challenge
from engine.adapters.registry.remote.auth.credentials import Credential, IdentityToken, Password
from engine.adapters.registry.remote.errors import refusal, summary, unauthorized
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.transport import Transport
from engine.domain.errors import RegistryAnswerError
from engine.domain.text import printable

_MAX_BYTES = 256 * 1024
# The default of the token specification.
_DEFAULT_SECONDS = 60.0


class _Issued(BaseModel):
    model_config = ConfigDict(extra="ignore")

    token: str | None = None
    access_token: str | None = None
    expires_in: Annotated[
        float, BeforeValidator(lambda value: _DEFAULT_SECONDS if value is None else value)
    ] = Field(default=_DEFAULT_SECONDS, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `usable_until` is a time of the monotonic clock."""

    value: str = field(repr=False)
    usable_until: float


class TokenService:
    """The token service of registry `host`; plain http is allowed only with `plain_http`."""

    def __init__(self, transport: Transport, host: str, *, plain_http: bool) -> None:
        self._transport = transport
        self._host = host
        self._schemes = ("http", "https") if plain_http else ("https",)

    def issue(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        credential: Password | IdentityToken | None,
        deadline: Deadline,
    ) -> Token:
        """
        Request a token for `scopes`, anonymous without `credential`.

        RegistryAccessError if the credential is refused, RegistryAnswerError if the service or its
        token cannot be used.
        """
        requested_at = time.monotonic()
        answer = self.ask(challenge, scopes, credential, deadline)
        if answer.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise unauthorized(self._host, credential, summary(answer))
        if answer.status != httpx.codes.OK:
            raise refusal(answer)
        return self._token(answer, requested_at)

    def ask(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        credential: Password | IdentityToken | None,
        deadline: Deadline,
    ) -> Answer:
        """Send a token request, and return the answer with any status."""
        realm, service = self._realm(challenge), challenge.parameters.get("service")
        return self._transport.send(_request(realm, service, scopes, credential), deadline)

    def _realm(self, challenge: Challenge) -> str:
        realm = challenge.parameters.get("realm", "")
        try:
            parts = urlsplit(realm)
            usable = parts.scheme in self._schemes and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise RegistryAnswerError(
                f"registry {self._host} has the token service '{printable(realm[:200])}', but "
                "credentials are sent only to https: correct the realm in its configuration"
            )
        return realm

    def _token(self, answer: Answer, requested_at: float) -> Token:
        try:
            issued = _Issued.model_validate_json(answer.body)
        except ValidationError as error:
            raise self._unusable(answer) from error
        value = issued.token or issued.access_token or ""
        if not value.isascii() or not value.isprintable() or not value:
            raise self._unusable(answer)
        # A margin, so that the token does not expire in transit.
        margin = min(10.0, issued.expires_in / 5)
        return Token(value, requested_at + issued.expires_in - margin)

    def _unusable(self, answer: Answer) -> RegistryAnswerError:
        return RegistryAnswerError(
            f"{answer.call.host}, the token service of registry {self._host}, issued no usable "
            "token: check its configuration"
        )


def basic(credential: Password) -> str:
    """The `Authorization` header of RFC 7617, in UTF-8 as registries expect it."""
    pair = f"{credential.user}:{credential.password}".encode()
    return f"Basic {b64encode(pair).decode()}"


def _request(
    realm: str, service: str | None, scopes: tuple[str, ...], credential: Credential | None
) -> Call:
    if isinstance(credential, IdentityToken):
        form = {
            "grant_type": "refresh_token",
            "client_id": "floe",
            "service": service or "",
            "scope": " ".join(scopes),
            "refresh_token": credential.token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Call("POST", realm, headers, urlencode(form).encode(), limit=_MAX_BYTES)
    named = [("service", service)] if service else []
    query = urlencode([*named, *(("scope", scope) for scope in scopes)])
    url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
    headers = {"Authorization": basic(credential)} if isinstance(credential, Password) else {}
    return Call("GET", url, headers, limit=_MAX_BYTES)
