"""
Sigstore bundles around statements that a key signed.

https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from engine.attestation.dsse import IN_TOTO, Envelope, pre_authentication
from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Closed, parse
from engine.domain.canonical import canonical_json

BUNDLE_V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE = "dev.sigstore.bundle.predicateType"


class KeyHint(Closed):
    """A hint at the key; it is not verified, so every configured key is tried."""

    hint: str = ""


class _SignedTimestamp(Closed):
    signed_timestamp: Base64


class _TimestampData(Closed):
    rfc3161_timestamps: tuple[_SignedTimestamp, ...] = ()


class _KeyMaterial(Closed):
    public_key: KeyHint
    timestamp_verification_data: _TimestampData | None = None


class KeyBundle(Closed):
    """A statement and its signature by a key, as floe writes it into the ledger."""

    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    material: _KeyMaterial = Field(alias="verificationMaterial")
    envelope: Envelope = Field(alias="dsseEnvelope")

    @property
    def payload(self) -> bytes:
        return self.envelope.payload

    @property
    def timestamps(self) -> tuple[bytes, ...]:
        """The answers of timestamp authorities about the signature; they are not verified."""
        data = self.material.timestamp_verification_data
        return tuple(each.signed_timestamp for each in data.rfc3161_timestamps) if data else ()


def bundle_annotations(kind: str) -> dict[str, str]:
    """The annotations by which cosign finds a bundle with a statement of the type `kind`."""
    return {"dev.sigstore.bundle.content": "dsse-envelope", PREDICATE_TYPE: kind}


def no_timestamp(_signature: bytes) -> None:
    """Issue no timestamp."""


def sign_statement(
    payload: bytes,
    sign: Callable[[bytes], bytes],
    public_key: bytes,
    timestamp: Callable[[bytes], bytes | None] = no_timestamp,
) -> bytes:
    """
    Return the bundle of the statement `payload`; `public_key` (DER) belongs to `sign`.

    `timestamp` issues the timestamp of the signature: the answer of an authority (DER), or None.
    """
    signature = sign(pre_authentication(IN_TOTO, payload))
    key_hash = hashlib.sha256(public_key).digest()
    material: dict[str, object] = {"publicKey": {"hint": _base64(key_hash)}}
    if issued := timestamp(signature):
        listed = [{"signedTimestamp": _base64(issued)}]
        material["timestampVerificationData"] = {"rfc3161Timestamps": listed}
    return canonical_json(
        {
            "mediaType": BUNDLE_V03,
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": _base64(payload),
                "payloadType": IN_TOTO,
                "signatures": [{"sig": _base64(signature)}],
            },
        }
    )


def read_key_bundle(content: bytes) -> KeyBundle:
    """
    Parse a bundle around a statement; Refused if it is another one. Its signature is not verified.
    """
    bundle = parse(KeyBundle, content, "its bundle")
    if bundle.envelope.payload_type != IN_TOTO:
        raise Refused(f"its payload is {bundle.envelope.payload_type!r}, not {IN_TOTO}")
    if len(bundle.envelope.signatures) != 1:
        raise Refused(f"its bundle has {len(bundle.envelope.signatures)} signatures, not one")
    return bundle


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
