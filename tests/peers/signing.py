"""Signing keys, and handmade tokens: valid ones and forged ones."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A private key with its key ID and algorithm."""

    id: str
    algorithm: str
    private: PrivateKey

    @classmethod
    def new(cls, algorithm: str = "ES256", key_id: str = "key-1", bits: int = 2048) -> Self:
        return cls(key_id, algorithm, _generated(algorithm, bits))

    def jwk(self, **changed: Any) -> dict[str, Any]:
        """Return the published public key; `changed` works as in `claims`."""
        return _changed({**_jwk(self.private.public_key()), **self._names()}, changed)

    def private_jwk(self) -> dict[str, Any]:
        return {**_jwk(self.private), **self._names()}

    def pem(self) -> bytes:
        """Return the public key as PEM."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Sign a token of exactly `claims`; a header given as None is omitted."""
        kept = _changed({"kid": self.id}, header)
        algorithm = kept.pop("alg", self.algorithm)
        return jwt.encode(dict(claims), self.private, algorithm, headers=kept)

    def _names(self) -> dict[str, str]:
        return {"kid": self.id, "alg": self.algorithm, "use": "sig"}


def claims(issuer: str, **changed: Any) -> dict[str, Any]:
    """
    Return the claims of a valid token; `changed` replaces claims, and omits those given as None.
    """
    now = int(time.time())
    usual = {
        "iss": issuer,
        "sub": "alice",
        "aud": "floe",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    return _changed(usual, changed)


def forged(
    header: Mapping[str, Any], payload: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> str:
    """Build a token that no honest library would produce."""
    parts = [_segment(json.dumps(part).encode()) for part in (header, payload)]
    signed = ".".join(parts)
    return f"{signed}.{_segment(sign(signed.encode()))}"


def _changed(usual: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _generated(algorithm: str, bits: int) -> PrivateKey:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, bits)


def _jwk(key: object) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey() | rsa.RSAPublicKey():
            text = RSAAlgorithm.to_jwk(key)
        case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey():
            text = ECAlgorithm.to_jwk(key)
        case ed25519.Ed25519PrivateKey() | ed25519.Ed25519PublicKey():
            text = OKPAlgorithm.to_jwk(key)
        case _:
            raise TypeError(key)
    jwk: dict[str, Any] = json.loads(text)
    return {name: value for name, value in jwk.items() if name != "key_ops"}
