"""Loads public keys, and verifies signatures with the schemes that cosign uses."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from engine.domain.errors import ConfigError
from engine.domain.tlog.note import NoteKey

_KINDS = "ECDSA P-256 or P-384, Ed25519, or RSA of at least 2048 bits"
LEDGER_KINDS = "ECDSA P-256 or Ed25519"
_MIN_RSA_BITS = 2048
# cosign uses SHA-256 with every curve; sigstore's algorithm registry and newer signers use SHA-384
# with P-384.
_CURVE_HASHES: dict[str, tuple[hashes.HashAlgorithm, ...]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA256(), hashes.SHA384()),
}
_RSA_PADDINGS = (
    padding.PKCS1v15(),
    padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO),
)

_SigningKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


@dataclass(frozen=True)
class VerificationKey:
    """A public key of a supported type."""

    key: _SigningKey

    @cached_property
    def der(self) -> bytes:
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:` of the key's DER: the hint in cosign's bundles, in hex."""
        return f"sha256:{hashlib.sha256(self.der).hexdigest()}"

    @property
    def hint(self) -> str:
        """The fingerprint as in the `publicKey.hint` of a bundle."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    @property
    def pem(self) -> str:
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def kind(self) -> str:
        """`ecdsa` for P-256, `ed25519`, or `other` for keys that do not sign ledger entries."""
        if isinstance(self.key, Ed25519PublicKey):
            return "ed25519"
        p256 = isinstance(self.key, EllipticCurvePublicKey) and self.key.curve.name == "secp256r1"
        return "ecdsa" if p256 else "other"

    def verifier_key(self, name: str) -> str | None:
        """
        The key in the form of C2SP's signed notes under `name`; None unless it is Ed25519.

        https://c2sp.org/signed-note
        """
        if not isinstance(self.key, Ed25519PublicKey):
            return None
        raw = self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return str(NoteKey(name, raw))

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made `signature` for `message`."""
        return any(_signed(self.key, signature, message))


def usable(key: PublicKeyTypes) -> VerificationKey | None:
    """`key` as a verification key; None if its type is not supported."""
    if isinstance(key, EllipticCurvePublicKey):
        return VerificationKey(key) if key.curve.name in _CURVE_HASHES else None
    if isinstance(key, RSAPublicKey | Ed25519PublicKey):
        return VerificationKey(key)
    return None


def load_der(der: bytes) -> VerificationKey | None:
    """Load a DER key; None if its type is not supported, ValueError if it is not a key."""
    try:
        return usable(load_der_public_key(der))
    except UnsupportedAlgorithm:
        return None


def load_pem(pem: bytes, name: str) -> VerificationKey:
    """Load the single key in `pem`; ConfigError with `name` if that fails."""
    if b"PRIVATE KEY-----" in pem:
        raise ConfigError(f"{name} is a private key: keep it away from here, name the public one")
    if pem.count(b"-----BEGIN") > 1:
        raise ConfigError(f"{name} holds several PEM blocks: give each key an entry of its own")
    try:
        key = usable(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{name} is not a PEM public key: it must be {_KINDS}") from error
    if key is None or (isinstance(key.key, RSAPublicKey) and key.key.key_size < _MIN_RSA_BITS):
        raise ConfigError(f"{name} is a key of an unsupported type: it must be {_KINDS}")
    return key


def load_ledger_key(pem: bytes, name: str) -> VerificationKey:
    """Load a key that may sign ledger entries; ConfigError with `name` for other kinds."""
    key = load_pem(pem, name)
    if key.kind == "other":
        raise ConfigError(f"{name} is of an unsupported kind: it must be {LEDGER_KINDS}")
    return key


def _signed(key: _SigningKey, signature: bytes, message: bytes) -> Iterator[bool]:
    """Yield True for every scheme of this key type that verifies the signature."""
    if isinstance(key, EllipticCurvePublicKey):
        for algorithm in _CURVE_HASHES[key.curve.name]:
            with suppress(InvalidSignature):
                key.verify(signature, message, ec.ECDSA(algorithm))
                yield True
    elif isinstance(key, RSAPublicKey):
        for scheme in _RSA_PADDINGS:
            with suppress(InvalidSignature):
                key.verify(signature, message, scheme, hashes.SHA256())
                yield True
    else:
        with suppress(InvalidSignature):
            key.verify(signature, message)
            yield True
