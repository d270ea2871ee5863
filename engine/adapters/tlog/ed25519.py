"""Verifies Ed25519 signatures. Slow to import."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the raw key `public` made `signature` of `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True
