"""Finds the trusted key that signed an entry."""

from collections.abc import Sequence

from engine.attestation.keys import VerificationKey, load_der, load_ledger_key
from engine.domain.errors import PromotionError
from engine.ports.signer import Signer


class KeyRing:
    """
    Implements `engine.ports.signer.TrustedKeys`: the listed keys, and the key of `signer`.

    Without listed keys nothing can be verified while the key of `signer` cannot be read, so
    `find_signer` raises its error.
    """

    def __init__(self, pems: Sequence[bytes], signer: Signer | None = None) -> None:
        self._keys = tuple(
            load_ledger_key(pem, f"ledger.trusted_keys[{number}]")
            for number, pem in enumerate(pems)
        )
        self._signer = signer

    def find_signer(self, message: bytes, signature: bytes) -> str | None:
        found = next((key for key in self._keys if key.signed(signature, message)), None)
        own = None if found else self._own_key()
        if own and own.signed(signature, message):
            found = own
        return found.fingerprint if found else None

    def pems(self) -> tuple[str, ...]:
        """All trusted keys in PEM; without the own one while it cannot be read."""
        own = self._own_key()
        return tuple(dict.fromkeys(key.pem for key in (*self._keys, *((own,) if own else ()))))

    def _own_key(self) -> VerificationKey | None:
        """The key of the signer; None without one, or while it cannot be read."""
        try:
            return load_der(self._signer.public_key()) if self._signer else None
        except PromotionError:
            if not self._keys:
                raise
            return None
