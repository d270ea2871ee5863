"""The provider of sign-in on the page: its description is cached, and its waits are limited."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property

import httpx

from engine.config.issuers import OidcSignIn
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.runtime.bounded_http import BoundedTransport
from engine.runtime.openid_client import MAX_BYTES, SECONDS, Endpoints, OpenIdClient
from engine.runtime.single_flight import SingleFlight, limited

_log = logging.getLogger(__name__)
# Requests right after a failure get the same error at once.
_DOWN_SECONDS = 5
# Threads of the server that wait for the provider to redeem a code.
_REDEEMING = 4


class Provider:
    """The provider of `auth`, which redirects people back to `callback`."""

    def __init__(self, auth: OidcSignIn, callback: str) -> None:
        secret = auth.client_secret or auth.client_secret_env
        self._client = OpenIdClient(
            auth.issuer,
            auth.client_id,
            "web.auth",
            # Proxies and credentials of the environment are not meant for the provider.
            lambda: BoundedTransport(self._tls, SECONDS, MAX_BYTES),
            secret.get_secret_value() if secret else None,
        )
        self._callback = callback
        self._flight = SingleFlight(self._client.unanswered)
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
        return self._client.question(self._endpoints(), self._callback)

    def id_token(self, code: str, verifier: str) -> str:
        """
        Exchange `code` for an ID token.

        Raises AuthorizationError if the provider refuses, IdentityUnavailableError if it does not
        answer.
        """
        client = self._client
        try:
            with limited(self._redeeming, client.unanswered):
                found = client.redeem(self._endpoints(), code, verifier, self._callback)
        except AuthorizationError as error:
            cause = type(error.__cause__ or error).__name__
            _log.info("sign-in with %s failed: %s", client.issuer, cause)
            raise
        return found.id_token

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
        with suppress(IdentityUnavailableError):
            self._endpoints()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def _endpoints(self) -> Endpoints:
        if self._found is not None:
            return self._found
        with self._flight.turn():
            if self._failure and time.monotonic() - self._failed_at < _DOWN_SECONDS:
                raise IdentityUnavailableError(self._failure)
            if self._found is None:
                try:
                    self._found = self._client.discover()
                except IdentityUnavailableError as error:
                    self._failure, self._failed_at = str(error), time.monotonic()
                    raise
            return self._found
