"""The client of an OpenID provider: authorization code flow with PKCE and nonce."""

import logging
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from engine.config.issuers import OidcSignIn
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.runtime.bounded_http import BoundedTransport
from engine.runtime.single_flight import SingleFlight, limited

_log = logging.getLogger(__name__)
_SECONDS = 10
_MAX_BYTES = 256 * 1024
# Requests right after a failure get the same error at once.
_DOWN_SECONDS = 5
# Threads of the server that wait for the provider to redeem a code.
_REDEEMING = 4
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# An ID token has the address and the groups where these are among the scopes a provider knows.
_WANTED = ("openid", "email", "groups")

# Errors of reading JSON, and of authlib for JSON that is no object or has an invalid time.
_NO_DOCUMENT = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


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
    authorization: str
    token: str
    scope: str


class Provider:
    """The provider of `auth`, which redirects people back to `callback`."""

    def __init__(self, auth: OidcSignIn, callback: str) -> None:
        self._auth = auth
        self._callback = callback
        self._busy = (
            f"The provider {auth.issuer} does not answer in time, so sign-in fails: try again in a "
            "moment"
        )
        self._flight = SingleFlight(self._busy)
        self._redeeming = threading.BoundedSemaphore(_REDEEMING)
        self._found: Endpoints | None = None
        self._failure: str | None = None
        self._failed_at = 0.0
        self._asking: Future[None] | None = None

    def question(self) -> tuple[str, dict[str, str]]:
        """
        Return the sign-in URL, and the values to remember until the redirect comes back.

        Raises IdentityUnavailableError if discovery fails.
        """
        with self._client() as client:
            verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
            places = self._endpoints(client)
            url, state = client.create_authorization_url(
                places.authorization, scope=places.scope, code_verifier=verifier, nonce=nonce
            )
        return str(url), {"state": str(state), "nonce": nonce, "verifier": verifier}

    def id_token(self, code: str, verifier: str) -> str:
        """
        Exchange `code` for an ID token.

        Raises AuthorizationError if the provider refuses, IdentityUnavailableError if it does not
        answer.
        """
        try:
            with limited(self._redeeming, self._busy), self._client() as client:
                answer: Mapping[str, Any] = client.fetch_token(
                    self._endpoints(client).token,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=self._callback,
                )
        except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError) as error:
            raise IdentityUnavailableError(self._busy) from error
        except (httpx.HTTPError, httpx.InvalidURL, AuthlibBaseError, *_NO_DOCUMENT) as error:
            _log.info("sign-in with %s failed: %s", self._auth.issuer, type(error).__name__)
            raise AuthorizationError(
                f"{self._auth.issuer} did not take the code it had given: sign in again"
            ) from error
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise AuthorizationError(
                f"{self._auth.issuer} gave no ID token: allow the scope openid for its client "
                f"'{self._auth.client_id}'"
            )
        return token

    def trouble(self, submit: Callable[[Callable[[], None]], Future[None]]) -> str | None:
        """
        Return the known reason why sign-in fails, or None, without waiting.

        `submit` starts another attempt in the background while the provider is unknown or down.
        """
        if self._found is not None:
            return None
        if self._asking is None or self._asking.done():
            self._asking = submit(self._look)
        return self._failure

    def _look(self) -> None:
        with suppress(IdentityUnavailableError), self._client() as client:
            self._endpoints(client)

    @contextmanager
    def _client(self) -> Iterator[OAuth2Client]:
        secret = self._auth.client_secret or self._auth.client_secret_env
        transport = BoundedTransport(self._tls, _SECONDS, _MAX_BYTES)
        # Proxies and credentials of the environment are not meant for the provider.
        with httpx.Client(
            transport=transport,
            trust_env=False,
            timeout=_SECONDS,
            headers={"User-Agent": "floe", "Accept-Encoding": "identity"},
        ) as session:
            yield _OAuthClient(
                session,
                self._auth.client_id,
                secret.get_secret_value() if secret else None,
                redirect_uri=self._callback,
                code_challenge_method="S256",
            )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def _endpoints(self, client: OAuth2Client) -> Endpoints:
        if self._found is not None:
            return self._found
        with self._flight.turn():
            if self._failure and time.monotonic() - self._failed_at < _DOWN_SECONDS:
                raise IdentityUnavailableError(self._failure)
            if self._found is None:
                try:
                    self._found = self._discovered(client)
                except IdentityUnavailableError as error:
                    self._failure, self._failed_at = str(error), time.monotonic()
                    raise
            return self._found

    def _discovered(self, client: OAuth2Client) -> Endpoints:
        """OpenID Connect Discovery 1.0, section 4: the document must be the issuer's own."""
        issuer = self._auth.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            document = client.session.get(url).json()
        except (httpx.HTTPError, httpx.InvalidURL, *_NO_DOCUMENT) as error:
            raise IdentityUnavailableError(
                f"The provider {issuer} does not answer, so sign-in fails: try again, or check "
                "web.auth.issuer and the network"
            ) from error
        names = ("authorization_endpoint", "token_endpoint")
        known = isinstance(document, dict) and document.get("issuer") == issuer
        found = [document.get(name) for name in names] if known else []
        if len(found) != len(names) or not all(_secure(each, issuer) for each in found):
            raise IdentityUnavailableError(
                f"The provider {issuer} does not describe itself as OpenID Connect Discovery asks "
                "for: check web.auth.issuer, which has to be the same to the letter"
            )
        known_scopes = document.get("scopes_supported")
        scopes = known_scopes if isinstance(known_scopes, list) else ["email"]
        scope = " ".join(each for each in _WANTED if each == "openid" or each in scopes)
        return Endpoints(found[0], found[1], scope)


def _secure(url: object, issuer: str) -> bool:
    """https, or http on this machine where the issuer is there as well."""
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    local = issuer.startswith("http://") and parts.hostname in _LOOPBACK
    return parts.scheme == "https" or (parts.scheme == "http" and local)
