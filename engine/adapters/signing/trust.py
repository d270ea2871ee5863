"""Finds the key that signed an entry."""

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache

from engine.attestation.keys import VerificationKey, load_der, load_ledger_key
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.public_key import PublicKey
from engine.ports.signer import Signer


class KeyRing:
    """
    Implements `engine.ports.signer.TrustedKeys`: the listed keys, and the key of `signer`, but
    for those with an ID in `distrusted`.

    Without listed keys nothing can be verified while the key of `signer` cannot be read, so
    methods raise its error.
    """

    def __init__(
        self,
        pems: Sequence[bytes],
        signer: Signer | None = None,
        distrusted: Container[str] = (),
    ) -> None:
        loaded = (
            load_ledger_key(pem, f"ledger.trusted_keys[{number}]")
            for number, pem in enumerate(pems)
        )
        self._keys = tuple(key for key in loaded if key.fingerprint not in distrusted)
        self._distrusted = distrusted
        self._signer = signer

    def find_signer(
        self, message: bytes, signature: bytes, others: Iterable[PublicKey] = ()
    ) -> str | None:
        for key in self._keys:
            if key.signed(signature, message):
                return key.fingerprint
        for other in others:
            named = _load(other.public_key)
            if named and named.signed(signature, message):
                return named.fingerprint
        own = self._own_key()
        return own.fingerprint if own and own.signed(signature, message) else None

    def is_listed(self, key_id: str) -> bool:
        if any(key.fingerprint == key_id for key in self._keys):
            return True
        own = self._own_key()
        return own is not None and own.fingerprint == key_id

    def listed(self) -> tuple[PublicKey, ...]:
        """All listed keys; without the own one while it cannot be read."""
        own = self._own_key()
        found = dict.fromkeys(key.pem for key in (*self._keys, *((own,) if own else ())))
        return tuple(map(PublicKey.of_pem, found))

    def _own_key(self) -> VerificationKey | None:
        """The key of the signer; None without one, or while it cannot be read."""
        try:
            own = load_der(self._signer.public_key()) if self._signer else None
        except PromotionError:
            if not self._keys:
                raise
            return None
        return own if own and own.fingerprint not in self._distrusted else None


@lru_cache(maxsize=256)
def _load(pem: str) -> VerificationKey | None:
    """Load a key that a ledger names; None if its point is not on the curve."""
    with suppress(ConfigError):
        return load_ledger_key(pem.encode(), "the key")
    return None
