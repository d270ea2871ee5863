"""Verifies OIDC tokens: issuer, signature, audience, time and admission."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx

from engine.adapters.identity.claims import OidcSettings, claims_of
from engine.adapters.identity.documents import fetch
from engine.adapters.identity.issuer import Issuer
from engine.adapters.identity.token import Token
from engine.domain.errors import AuthorizationError, ConfigError
from engine.domain.identity import Claims
from engine.runtime.bounded_http import open_client


class OidcVerifier:
    """
    Turns tokens of `issuers` into claims; thread-safe.

    Keys are fetched with `client`, which the caller closes; by default a client is created on
    first use and closed by `close`. `timeout_seconds` is for each document of an issuer. `clock`
    is monotonic and dates cached keys.
    """

    def __init__(
        self,
        issuers: tuple[OidcSettings, ...],
        *,
        timeout_seconds: float = 10,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_subject_claims(issuers)
        self._settings = issuers
        self._timeout_seconds = timeout_seconds
        self._client = client
        self._own_client: httpx.Client | None = None
        self._lock = threading.Lock()
        self._issuers = {s.issuer: Issuer(s.issuer, self._fetch, clock) for s in issuers}

    def close(self) -> None:
        if self._own_client is not None:
            self._own_client.close()

    def claims(self, token: str) -> Claims:
        """
        Verify `token`, of at most 16 KiB, and return its claims.

        AuthorizationError if the token is not valid, IdentityUnavailableError if its issuer does
        not answer. Messages never contain the token; of its claims they show only issuer,
        audience, expiry and those that the settings restrict.
        """
        parsed = Token.parse(token)
        trusted = self._settings_for(parsed)
        # Checked first, so that a token without a usable signature causes no request.
        parsed.algorithm()
        issuer = self._issuers[trusted[0].issuer]
        audiences = [settings.audience for settings in trusted]
        payload = parsed.verify(issuer.keys(parsed.key_id), issuer.url, audiences)
        named = payload["aud"] if isinstance(payload["aud"], list) else [payload["aud"]]
        return _first_admitted(payload, [s for s in trusted if s.audience in named])

    def _settings_for(self, token: Token) -> tuple[OidcSettings, ...]:
        """The entries for the issuer of `token`; they differ in their audience."""
        found = tuple(s for s in self._settings if s.issuer == token.payload.get("iss"))
        if not found:
            known = ", ".join(self._issuers) or "none"
            raise AuthorizationError(
                f"the OIDC token is from issuer '{token.issuer}', which identity.oidc does not "
                f"trust: get a token from a trusted issuer ({known})"
            )
        return found

    def _fetch(self, url: str) -> Mapping[str, object]:
        return fetch(self._http_client(), url, self._timeout_seconds)

    def _http_client(self) -> httpx.Client:
        if self._client is not None:
            return self._client
        with self._lock:
            if self._own_client is None:
                self._own_client = open_client(headers={"User-Agent": "floe"})
            return self._own_client


def _first_admitted(payload: Mapping[str, object], settings: list[OidcSettings]) -> Claims:
    """The claims by the first of `settings` that admits the token, else the error of the last."""
    *others, last = settings
    for each in others:
        with suppress(AuthorizationError):
            return claims_of(payload, each)
    return claims_of(payload, last)


def _check_subject_claims(issuers: tuple[OidcSettings, ...]) -> None:
    """
    Require one operator claim per issuer: with two, one person could choose a user name that is
    the subject of another person.
    """
    chosen: dict[str, str] = {}
    for settings in issuers:
        first = chosen.setdefault(settings.issuer, settings.subject_claim)
        if first != settings.subject_claim:
            raise ConfigError(
                f"identity.oidc names the operators of {settings.issuer} by '{first}' and by "
                f"'{settings.subject_claim}': choose one operator_claim for one issuer"
            )
