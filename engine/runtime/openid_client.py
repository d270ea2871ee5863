"""The client of an OpenID provider: codes with PKCE, device codes, refresh and revocation."""

import secrets
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from engine.config.addresses import is_loopback
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.domain.text import printable

SECONDS = 10
"""For each request."""
MAX_BYTES = 256 * 1024
# An ID token has the address and the groups where these are among the scopes a provider knows.
_WANTED = ("openid", "email", "groups")
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# Errors of reading JSON, and of authlib for JSON that is no object or has an invalid time.
_NO_DOCUMENT = (
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    RecursionError,
)
_UNREACHED = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
_REFUSED = (httpx.HTTPError, httpx.InvalidURL, AuthlibBaseError, *_NO_DOCUMENT)


class _OverloadedError(Exception):
    """The provider failed or asked for a pause: it did not judge the request."""


class PendingSignInError(Exception):
    """The person did not decide yet (RFC 8628, section 3.5); `slower` asks for a longer pause."""

    def __init__(self, *, slower: bool) -> None:
        super().__init__("authorization_pending")
        self.slower = slower


class _HttpxAuth(ClientAuth, httpx.Auth):  # type: ignore[misc]  # authlib has no types
    """
    The client's credentials in a request for a token. authlib's client for httpx warns that it will
    drop httpx, so its neutral client is used.
    """

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        url, headers, body = self.prepare(
            request.method, str(request.url), request.headers, request.content.decode()
        )
        content = body.encode()
        headers["Content-Length"] = str(len(content))
        yield httpx.Request(
            request.method, url, headers=headers, content=content, extensions=request.extensions
        )


class _OAuthClient(OAuth2Client):  # type: ignore[misc]  # authlib has no types
    client_auth_class = _HttpxAuth


@dataclass(frozen=True)
class Endpoints:
    """
    The addresses of a provider, by its own description; empty if it has none. `names_issuer` says
    that its redirects have the parameter `iss` (RFC 9207).
    """

    authorization: str
    token: str
    scope: str
    device: str = ""
    revocation: str = ""
    names_issuer: bool = False


@dataclass(frozen=True)
class Tokens:
    """The tokens of a sign-in; `refresh` is empty if the provider gave none."""

    id_token: str = field(repr=False)
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True)
class DeviceCode:
    """A code to type at `address` within `lasts` seconds; ask every `interval` seconds."""

    secret: str = field(repr=False)
    user_code: str
    address: str
    whole_address: str
    lasts: int
    interval: int


@dataclass(frozen=True)
class OpenIdClient:
    """
    The client `client_id` of the provider `issuer`, which `setting` of manifest.yaml names.

    Requests go through a new transport of `transport` each time, which bounds them.
    """

    issuer: str
    client_id: str
    setting: str
    transport: Callable[[], httpx.BaseTransport] = field(repr=False)
    secret: str | None = field(default=None, repr=False)

    @property
    def unanswered(self) -> str:
        return (
            f"The provider {self.issuer} does not answer in time, so sign-in fails: try again in a "
            "moment"
        )

    def discover(self) -> Endpoints:
        """
        Read the provider's description (OpenID Connect Discovery 1.0, section 4).

        Raises IdentityUnavailableError if there is none, or if it is of another issuer.
        """
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            with self._client() as client:
                document = client.session.get(url).json()
        except (_OverloadedError, httpx.HTTPError, httpx.InvalidURL, *_NO_DOCUMENT) as error:
            raise IdentityUnavailableError(
                f"The provider {self.issuer} does not answer, so sign-in fails: try again, or "
                f"check {self.setting}.issuer and the network"
            ) from error
        known = isinstance(document, dict) and document.get("issuer") == self.issuer
        found = _endpoints(document, self.issuer) if known else None
        if found is None:
            raise IdentityUnavailableError(
                f"The provider {self.issuer} has no valid OpenID Connect discovery document: check "
                f"{self.setting}.issuer, which must be exactly the issuer in it"
            )
        return found

    def question(self, places: Endpoints, callback: str) -> tuple[str, dict[str, str]]:
        """Return the sign-in URL, and the values to remember until the redirect comes back."""
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._client(callback) as client:
            url, state = client.create_authorization_url(
                places.authorization, scope=places.scope, code_verifier=verifier, nonce=nonce
            )
        return str(url), {"state": str(state), "nonce": nonce, "verifier": verifier}

    def redeem(self, places: Endpoints, code: str, verifier: str, callback: str) -> Tokens:
        """
        Exchange `code` for tokens.

        Raises AuthorizationError if the provider refuses, IdentityUnavailableError if it does not
        answer.
        """
        granted = {"code": code, "code_verifier": verifier, "redirect_uri": callback}
        refused = f"{self.issuer} did not take the code it had given: sign in again"
        return self._granted(places, refused, "authorization_code", granted)

    def refresh(self, places: Endpoints, token: str) -> Tokens:
        """Exchange a refresh token; the new one replaces it where the provider rotates them."""
        refused = f"{self.issuer} did not renew the sign-in: sign in again"
        granted = {"refresh_token": token, "scope": places.scope}
        found = self._granted(places, refused, "refresh_token", granted)
        return Tokens(found.id_token, found.refresh or token)

    def ask_device(self, places: Endpoints) -> DeviceCode:
        """Ask for a code that a person types on another device (RFC 8628, section 3.1)."""
        asked = {"client_id": self.client_id, "scope": places.scope}
        refused = (
            f"{self.issuer} gave no code for another device: allow device codes for its client "
            f"'{self.client_id}'"
        )
        with self._explained(refused), self._client() as client:
            answer = client.session.post(places.device, data=asked)
            return _device_code(answer.raise_for_status().json(), self.issuer)

    def poll_device(self, places: Endpoints, code: DeviceCode) -> Tokens:
        """Return the tokens once the person agreed; PendingSignInError before."""
        refused = f"The sign-in at {self.issuer} was refused, or its code expired: sign in again"
        try:
            return self._granted(places, refused, _DEVICE_GRANT, {"device_code": code.secret})
        except AuthorizationError as error:
            said = getattr(error.__cause__, "error", None)
            if said not in ("authorization_pending", "slow_down"):
                raise
            raise PendingSignInError(slower=said == "slow_down") from error

    def revoke(self, places: Endpoints, token: str) -> None:
        """End the sign-in of a refresh token at the provider (RFC 7009)."""
        with self._explained(f"{self.issuer} did not end the sign-in"), self._client() as client:
            client.revoke_token(places.revocation, token, "refresh_token").raise_for_status()

    def _granted(
        self, places: Endpoints, refused: str, grant: str, granted: Mapping[str, str]
    ) -> Tokens:
        with self._explained(refused), self._client() as client:
            answer: Mapping[str, Any] = client.fetch_token(
                places.token, grant_type=grant, **granted
            )
            token, refresh = answer.get("id_token"), answer.get("refresh_token")
        if not isinstance(token, str):
            raise AuthorizationError(
                f"{self.issuer} gave no ID token: allow the scope openid for its client "
                f"'{self.client_id}'"
            )
        return Tokens(token, refresh if isinstance(refresh, str) else "")

    @contextmanager
    def _explained(self, refused: str) -> Iterator[None]:
        try:
            yield
        except (*_UNREACHED, _OverloadedError) as error:
            raise IdentityUnavailableError(self.unanswered) from error
        except _REFUSED as error:
            raise AuthorizationError(refused) from error

    @contextmanager
    def _client(self, callback: str | None = None) -> Iterator[OAuth2Client]:
        with httpx.Client(
            transport=self.transport(),
            trust_env=False,
            timeout=SECONDS,
            headers={"User-Agent": "floe", "Accept-Encoding": "identity"},
            event_hooks={"response": [_refuse_overload]},
        ) as session:
            yield _OAuthClient(
                session,
                self.client_id,
                self.secret,
                redirect_uri=callback,
                code_challenge_method="S256",
            )


def secure(url: object, issuer: str) -> bool:
    """Whether `url` is https, or http on this machine where the issuer is there as well."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = issuer.startswith("http://") and is_loopback(parts.hostname or "")
    return parts.scheme == "https" or (parts.scheme == "http" and local)


def _refuse_overload(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise _OverloadedError(f"status {answer.status_code}")


def _endpoints(document: Mapping[str, Any], issuer: str) -> Endpoints | None:
    names = ("authorization", "token", "device_authorization", "revocation")
    found = {name: document.get(f"{name}_endpoint") for name in names}
    if not all(secure(found[name], issuer) for name in ("authorization", "token")):
        return None
    places = {name: url if secure(url, issuer) else "" for name, url in found.items()}
    known_scopes = document.get("scopes_supported")
    scopes = known_scopes if isinstance(known_scopes, list) else ["email"]
    return Endpoints(
        authorization=str(places["authorization"]),
        token=str(places["token"]),
        scope=" ".join(each for each in _WANTED if each == "openid" or each in scopes),
        device=str(places["device_authorization"]),
        revocation=str(places["revocation"]),
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _device_code(document: Any, issuer: str) -> DeviceCode:
    """RFC 8628, section 3.2; an error of `_NO_DOCUMENT` for anything else."""
    secret, user_code, address = (
        document[name] for name in ("device_code", "user_code", "verification_uri")
    )
    whole, lasts = document.get("verification_uri_complete", ""), document["expires_in"]
    interval = document.get("interval", 5)
    numbers = isinstance(lasts, int) and isinstance(interval, int) and interval <= lasts
    if not (isinstance(secret, str) and isinstance(user_code, str) and numbers):
        raise ValueError("the answer has fields of wrong types")
    if not secure(address, issuer) or printable(user_code) != user_code:
        raise ValueError("the address is not secure, or the code cannot be shown")
    whole = whole if secure(whole, issuer) else ""
    return DeviceCode(secret, user_code, address, whole, lasts, max(interval, 1))
