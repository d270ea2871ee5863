"""Public keys that sign ledger entries, as the ledger records them."""

import base64
import hashlib
import re
from typing import Self

from pydantic import model_validator

from engine.domain.record_base import DigestText, Value

# Every entry carries the keys that rotations added, and must fit into a tile of a log. It also
# bounds the signatures that a reader tries.
MAX_KEYS = 64
# Keys that rotations added and did not retire.
MAX_ADDED = 16
_PEM = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n(?P<body>[A-Za-z0-9+/=\n]{1,200})-----END PUBLIC KEY-----\n"
)
# SubjectPublicKeyInfo (RFC 5280) has these bytes before the point of ECDSA P-256 and Ed25519.
_POINT_BYTES = {
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"): 64,
    bytes.fromhex("302a300506032b6570032100"): 32,
}


class PublicKey(Value):
    """
    An ECDSA P-256 or Ed25519 key: `public_key` in PEM as OpenSSL writes it, and its `key_id`, the
    SHA-256 of its DER.
    """

    key_id: DigestText
    public_key: str

    @classmethod
    def of_der(cls, der: bytes) -> Self:
        """The key with the DER form `der`; ValueError if it is of another kind."""
        return cls(key_id=_key_id(der), public_key=_pem(der))

    @classmethod
    def of_pem(cls, pem: str) -> Self:
        """The key in `pem`; ValueError if that is not the form that OpenSSL writes."""
        return cls.of_der(_der(pem))

    @model_validator(mode="after")
    def _check(self) -> Self:
        der = _der(self.public_key)
        if not any(
            der.startswith(prefix) and len(der) == len(prefix) + size
            for prefix, size in _POINT_BYTES.items()
        ):
            raise ValueError("is not an ECDSA P-256 or Ed25519 key")
        if (self.key_id, self.public_key) != (_key_id(der), _pem(der)):
            raise ValueError("does not have this key ID")
        return self


# A key, or the ID of one that is known already.
KeyReference = PublicKey | str


def key_id_of(key: KeyReference) -> str:
    return key if isinstance(key, str) else key.key_id


def _key_id(der: bytes) -> str:
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    body = "".join(f"{text[start : start + 64]}\n" for start in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"


def _der(pem: str) -> bytes:
    found = _PEM.fullmatch(pem)
    if found is None:
        raise ValueError("is not a public key in PEM")
    return base64.b64decode(found["body"].replace("\n", ""), validate=True)
