"""The signing of ledger entries, and the keys and timestamp authorities that are trusted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from engine.domain.public_key import PublicKey


class Signer(Protocol):
    """
    Signs with the private key of this installation. Thread-safe.

    Methods raise ConfigError for an unusable key, SigningUnavailableError if a key management
    service does not answer.
    """

    def public_key(self) -> bytes:
        """Return the public key as DER (SubjectPublicKeyInfo)."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign `message`: ECDSA with SHA-256 in DER, or Ed25519."""
        ...


class TimestampVerifier(Protocol):
    """Verifies timestamps of signatures (RFC 3161). Thread-safe."""

    def verify(self, timestamp: bytes, signature: bytes) -> datetime:
        """
        Return the time (UTC) in `timestamp`, the answer of an authority (DER) about `signature`.

        Refused if no trusted authority issued it for `signature`.
        """
        ...


class TimestampAuthority(Protocol):
    """Issues timestamps of signatures (RFC 3161). Thread-safe."""

    def issue(self, signature: bytes) -> bytes:
        """
        Return a verified timestamp of `signature`: the answer of the authority (DER).

        One request, within a few seconds. TimestampUnavailableError without a valid answer.
        """
        ...


class TrustedKeys(Protocol):
    """
    The public keys that this installation lists, so that their ledger entries count. Thread-safe.

    Methods raise ConfigError or SigningUnavailableError if the only key cannot be read.
    """

    def find_signer(
        self, message: bytes, signature: bytes, others: Iterable[PublicKey] = ()
    ) -> str | None:
        """
        Return the ID (`sha256:…`) of the key that signed, a listed one or one of `others`, which
        the ledger names; else None.
        """
        ...

    def is_listed(self, key_id: str) -> bool:
        """Return whether the key is listed."""
        ...

    def listed(self) -> tuple[PublicKey, ...]:
        """Return the listed keys."""
        ...
