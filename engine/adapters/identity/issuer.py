"""The current keys of an OIDC issuer: found by discovery, cached for an hour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.adapters.identity.documents import DocumentError, secure_url
from engine.adapters.identity.keys import Key, parse_keys
from engine.domain.errors import IdentityUnavailableError
from engine.domain.text import printable
from engine.runtime.single_flight import SingleFlight

_CACHE_SECONDS = 3600.0
# Tokens can have invented key ids; an unknown id causes at most one request per interval.
_MIN_FETCH_SECONDS = 60.0
# A failure is cached, so that sign-ins fail at once while the issuer is down.
_FAILURE_SECONDS = 5.0

Fetch = Callable[[str], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: tuple[Key, ...]
    fetched_at: float

    def find(self, key_id: str | None) -> tuple[Key, ...]:
        """The keys with `key_id`; None matches a single key (OpenID Connect Core 10.1)."""
        if key_id is None:
            return self.keys if len(self.keys) == 1 else ()
        return tuple(key for key in self.keys if key.id == key_id)


class Issuer:
    """The keys of the issuer at `url`; thread-safe. `clock` is monotonic."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self.url = url
        self._fetch = fetch
        self._clock = clock
        self._flight = SingleFlight(
            f"identity could not be checked, so nothing was done: issuer {url} does not answer "
            "the pending request for its keys: try again in a moment"
        )
        self._cached: _KeySet | None = None
        self._fetched_at = 0.0
        self._failure: str | None = None
        self._failed_at = 0.0

    def keys(self, key_id: str | None) -> tuple[Key, ...]:
        """
        The keys that may have signed a token with `key_id`; empty if the issuer has none.

        IdentityUnavailableError if the issuer does not answer.
        """
        found = self._find_cached(key_id)
        if found is not None:
            return found
        # Only threads with an unknown key wait here; the others return above.
        with self._flight.turn():
            found = self._find_cached(key_id)
            if found is not None:
                return found
            return self._refresh().find(key_id)

    def _find_cached(self, key_id: str | None) -> tuple[Key, ...] | None:
        """The keys from the cache; None if the issuer must be asked."""
        cached, now = self._cached, self._clock()
        if cached is None or now - cached.fetched_at >= _CACHE_SECONDS:
            return None
        found = cached.find(key_id)
        return found if found or now - self._fetched_at < _MIN_FETCH_SECONDS else None

    def _refresh(self) -> _KeySet:
        # Counted from the end of the failed request, which may itself have taken longer.
        if self._failure and self._clock() - self._failed_at < _FAILURE_SECONDS:
            raise IdentityUnavailableError(self._failure)
        self._fetched_at = self._clock()
        try:
            keys = self.fetch_keys()
        except DocumentError as error:
            self._failure = (
                f"identity could not be checked, so nothing was done: issuer {self.url} {error}; "
                "try again, or check identity.oidc in manifest.yaml and the network"
            )
            self._failed_at = self._clock()
            raise IdentityUnavailableError(self._failure) from error
        self._failure = None
        self._cached = _KeySet(keys, self._clock())
        return self._cached

    def fetch_keys(self) -> tuple[Key, ...]:
        """
        Fetch the keys by discovery (OpenID Connect Discovery 1.0, section 4), and cache nothing.

        DocumentError if that fails.
        """
        local = self.url.startswith("http://")
        base = secure_url(self.url, loopback=local).rstrip("/")
        document = self._fetch(f"{base}/.well-known/openid-configuration")
        if document.get("issuer") != self.url:
            named = printable(str(document.get("issuer")))[:200]
            raise DocumentError(f"calls itself '{named}', which must be exactly the same")
        return parse_keys(self._fetch(secure_url(document.get("jwks_uri"), loopback=local)))
