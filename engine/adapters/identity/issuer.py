"""An issuer's keys as they are now: found by discovery, kept for an hour, renewed on rotation."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.adapters.identity.documents import DocumentError, secure_url
from engine.adapters.identity.keys import Key, published_keys
from engine.domain.errors import AuthorizationError
from engine.domain.text import printable

_KEPT_SECONDS = 3600.0
# Anybody can make up key ids: they must not turn into as many requests to the issuer.
_AGAIN_SECONDS = 60.0
# Whoever signs in while the issuer is down is answered at once by what the last one waited for.
_DOWN_SECONDS = 5.0

Fetch = Callable[[str], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: tuple[Key, ...]
    fetched_at: float

    def named(self, key_id: str | None) -> tuple[Key, ...]:
        """A token may leave the id out where there is one key (OpenID Connect Core 10.1)."""
        if key_id is None:
            return self.keys if len(self.keys) == 1 else ()
        return tuple(key for key in self.keys if key.id == key_id)


class Issuer:
    """Its keys, for any number of threads. `clock` gives seconds that never go back."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self.url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _KeySet | None = None
        self._asked_at = 0.0
        self._failure: str | None = None

    def keys(self, key_id: str | None) -> tuple[Key, ...]:
        """
        The keys a token that names `key_id` may be signed by, none when the issuer has none such.

        AuthorizationError when the issuer cannot be asked, which says nothing about the token.
        """
        found = self._known(key_id)
        if found is not None:
            return found
        # Only those wait here whose key is not known: others are answered above meanwhile.
        with self._lock:
            found = self._known(key_id)
            if found is not None:
                return found
            return self._renewed().named(key_id)

    def _known(self, key_id: str | None) -> tuple[Key, ...] | None:
        """The answer, unless the issuer has to be asked for it."""
        held, now = self._held, self._clock()
        if held is None or now - held.fetched_at >= _KEPT_SECONDS:
            return None
        found = held.named(key_id)
        return found if found or now - self._asked_at < _AGAIN_SECONDS else None

    def _renewed(self) -> _KeySet:
        if self._failure and self._clock() - self._asked_at < _DOWN_SECONDS:
            raise AuthorizationError(self._failure)
        self._asked_at = self._clock()
        try:
            keys = self._published()
        except DocumentError as error:
            self._failure = (
                f"identity could not be checked, so nothing was done: issuer {self.url} {error}; "
                "try again, or check identity.oidc in manifest.yaml and the way to the issuer"
            )
            raise AuthorizationError(self._failure) from error
        self._failure = None
        self._held = _KeySet(keys, self._clock())
        return self._held

    def _published(self) -> tuple[Key, ...]:
        """OpenID Connect Discovery 1.0, section 4: the document must be the issuer's own."""
        local = self.url.startswith("http://")
        base = secure_url(self.url, loopback=local).rstrip("/")
        document = self._fetch(f"{base}/.well-known/openid-configuration")
        if document.get("issuer") != self.url:
            named = printable(str(document.get("issuer")))[:200]
            raise DocumentError(f"calls itself '{named}', which has to be the same to the letter")
        return published_keys(self._fetch(secure_url(document.get("jwks_uri"), loopback=local)))
