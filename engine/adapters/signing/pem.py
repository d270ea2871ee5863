"""Signs with a private key in PEM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from engine.attestation.keys import LEDGER_KINDS
from engine.domain.errors import ConfigError

_COSIGN = (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE", b"-----BEGIN ENCRYPTED COSIGN PRIVATE")
_PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey


class PemSigner:
    """Implements `engine.ports.signer.Signer`."""

    def __init__(self, key: _PrivateKey) -> None:
        self._key = key

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))

    def private_pem(self) -> bytes:
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def generate_key(kind: str) -> PemSigner:
    """Generate a key of `kind`, `ecdsa` (P-256) or `ed25519`."""
    if kind == "ed25519":
        return PemSigner(Ed25519PrivateKey.generate())
    return PemSigner(ec.generate_private_key(ec.SECP256R1()))


def load_private_pem(pem: bytes, name: str) -> PemSigner:
    """Load the private key in `pem`; ConfigError with `name` if that fails."""
    if any(begin in pem for begin in _COSIGN):
        raise ConfigError(
            f"{name} is a key in cosign's own encrypted format, which cosign cannot convert back. "
            "Make a key that both use: floe keys generate --out floe.key && "
            "cosign import-key-pair --key floe.key"
        )
    if b"-----BEGIN PUBLIC KEY" in pem:
        raise ConfigError(f"{name} is a public key: signing needs the private one")
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise ConfigError(
            f"{name} is encrypted with a password. Decrypt it: "
            "openssl pkcs8 -in ENCRYPTED.key -out floe.key"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{name} is not a private key in PEM. Make one: floe keys generate --out floe.key"
        ) from error
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return PemSigner(key)
    if isinstance(key, Ed25519PrivateKey):
        return PemSigner(key)
    raise ConfigError(f"{name} is of an unsupported kind: it must be {LEDGER_KINDS}")
