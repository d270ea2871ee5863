"""An issuer's keys as they are now: found by discovery, kept for an hour, renewed on rotation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.adapters.identity.documents import DocumentError, secure_url
from engine.adapters.identity.keys import Key, published_keys
from engine.domain.errors import IdentityUnavailableError
from engine.domain.text import printable
from engine.runtime.single_flight import SingleFlight

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
        self._flight = SingleFlight(
            f"identity could not be checked, so nothing was done: issuer {url} is being asked for "
            "its keys and does not answer: try again in a moment"
        )
        self._held: _KeySet | None = None
        self._asked_at = 0.0
        self._failure: str | None = None
        self._failed_at = 0.0

    def keys(self, key_id: str | None) -> tuple[Key, ...]:
        """
        The keys a token that names `key_id` may be signed by, none when the issuer has none such.

        IdentityUnavailableError when the issuer cannot be asked: nothing is known of the token.
        """
        found = self._known(key_id)
        if found is not None:
            return found
        # Only those wait here whose key is not known: others are answered above meanwhile.
        with self._flight.turn():
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
        # Counted from its end: a failure may itself have taken longer than it is remembered.
        if self._failure and self._clock() - self._failed_at < _DOWN_SECONDS:
            raise IdentityUnavailableError(self._failure)
        self._asked_at = self._clock()
        try:
            keys = self._published()
        except DocumentError as error:
            self._failure = (
                f"identity could not be checked, so nothing was done: issuer {self.url} {error}; "
                "try again, or check identity.oidc in manifest.yaml and the way to the issuer"
            )
            self._failed_at = self._clock()
            raise IdentityUnavailableError(self._failure) from error
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
