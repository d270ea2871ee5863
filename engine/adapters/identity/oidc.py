"""Tokens judged: by an issuer of manifest.yaml, signed with its keys, meant for floe, and now."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx

from engine.adapters.identity.claims import OidcSettings, claims_of
from engine.adapters.identity.documents import fetch
from engine.adapters.identity.issuer import Issuer
from engine.adapters.identity.token import Token
from engine.config.proxies import translate_proxy_errors
from engine.config.wall_clock import held
from engine.domain.errors import AuthorizationError, ConfigError
from engine.domain.identity import Claims


class OidcVerifier:
    """
    Says whom a token speaks of. Asks an issuer only for tokens that name it; safe to share.

    `client` is used for that and stays the caller's; without one it is made when first needed, and
    `close` closes it. `timeout_seconds` bounds each document fetched from an issuer. `clock` gives
    seconds that never go back: by it the issuers' keys grow old.
    """

    def __init__(
        self,
        issuers: tuple[OidcSettings, ...],
        *,
        timeout_seconds: float = 10,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _one_subject_each(issuers)
        self._settings = issuers
        self._timeout_seconds = timeout_seconds
        self._given = client
        self._made: httpx.Client | None = None
        self._lock = threading.Lock()
        self._issuers = {s.issuer: Issuer(s.issuer, self._fetch, clock) for s in issuers}

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def claims(self, token: str) -> Claims:
        """
        Whom `token`, of at most 16 KiB, speaks of.

        AuthorizationError says what is wrong with the token, and IdentityUnavailableError that its
        issuer could not be asked. A message shows no token, and of the claims only issuer,
        audience, expiry and those that the settings restrict.
        """
        said = Token.read(token)
        trusted = self._trusted(said)
        # Before the issuer is asked: what nobody could have signed is not worth a request.
        said.algorithm()
        issuer = self._issuers[trusted[0].issuer]
        audiences = [settings.audience for settings in trusted]
        payload = said.verified(issuer.keys(said.key_id), issuer.url, audiences)
        meant = payload["aud"] if isinstance(payload["aud"], list) else [payload["aud"]]
        return _first_admitted(payload, [s for s in trusted if s.audience in meant])

    def _trusted(self, token: Token) -> tuple[OidcSettings, ...]:
        """The settings of the token's issuer; they differ in their audience."""
        found = tuple(s for s in self._settings if s.issuer == token.payload.get("iss"))
        if not found:
            known = ", ".join(self._issuers) or "none"
            raise AuthorizationError(
                f"the OIDC token is from issuer '{token.issuer}', which identity.oidc does not "
                f"trust: get one from an issuer it names ({known})"
            )
        return found

    def _fetch(self, url: str) -> Mapping[str, object]:
        return fetch(self._client(), url, self._timeout_seconds)

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._made is None:
                with translate_proxy_errors():
                    self._made = held(httpx.Client(headers={"User-Agent": "floe"}))
            return self._made


def _first_admitted(payload: Mapping[str, object], settings: list[OidcSettings]) -> Claims:
    """The claims by the first of `settings` that admits the token; what the last one says else."""
    *others, last = settings
    for each in others:
        with suppress(AuthorizationError):
            return claims_of(payload, each)
    return claims_of(payload, last)


def _one_subject_each(issuers: tuple[OidcSettings, ...]) -> None:
    """Else one person's subject could be what another chose as their user name."""
    chosen: dict[str, str] = {}
    for settings in issuers:
        first = chosen.setdefault(settings.issuer, settings.subject_claim)
        if first != settings.subject_claim:
            raise ConfigError(
                f"identity.oidc names the operators of {settings.issuer} by '{first}' and by "
                f"'{settings.subject_claim}': choose one operator_claim for one issuer"
            )
