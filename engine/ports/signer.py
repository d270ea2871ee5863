"""The signing of ledger entries, and the keys that are trusted for it."""

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
