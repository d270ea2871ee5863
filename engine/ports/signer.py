"""The signing of ledger entries, and the keys and timestamp authorities that are trusted."""

from datetime import datetime
from typing import Protocol


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
    """The public keys whose ledger entries count. Thread-safe."""

    def find_signer(self, message: bytes, signature: bytes) -> str | None:
        """
        Return the fingerprint (`sha256:…`) of the trusted key that signed; else None.

        ConfigError or SigningUnavailableError if the only trusted key cannot be read.
        """
        ...

    def pems(self) -> tuple[str, ...]:
        """Return the keys in PEM; errors as in `find_signer`."""
        ...
