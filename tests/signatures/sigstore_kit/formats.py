"""The formats of signers, written by hand: payloads, envelopes, annotations, bundles."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IN_TOTO = "application/vnd.in-toto+json"
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
BUNDLE_V3 = "application/vnd.dev.sigstore.bundle.v0.3+json"

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Json = dict[str, Any]


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def canonical(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(key: PrivateKey, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """Sign as cosign does: with SHA-256 by default, and RSA with PKCS #1 v1.5."""
    algorithm = algorithm or hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(algorithm))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), algorithm)
    return key.sign(message)


def simple_signing(digest: str, kind: str = "cosign container image signature") -> bytes:
    """The payload of a legacy signature."""
    critical = {
        "identity": {"docker-reference": "registry.example/acme/platform"},
        "image": {"docker-manifest-digest": digest},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def statement(
    digest: str,
    predicate_type: str = COSIGN_SIGN,
    statement_type: str = "https://in-toto.io/Statement/v1",
) -> bytes:
    algorithm, value = digest.split(":")
    return json.dumps(
        {
            "_type": statement_type,
            "subject": [{"name": "", "digest": {algorithm: value}}],
            "predicateType": predicate_type,
            "predicate": {},
        }
    ).encode()


def pae(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, signature: bytes, payload_type: str = IN_TOTO) -> Json:
    return {
        "payload": b64(payload),
        "payloadType": payload_type,
        "signatures": [{"sig": b64(signature)}],
    }


def message_signature(message: bytes, signature: bytes) -> Json:
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(message).digest())}
    return {"messageDigest": digest, "signature": b64(signature)}


def key_bundle(key: PrivateKey, content: Mapping[str, Any], *entries: Json) -> Json:
    """Make the bundle of `cosign sign --key`; `content` is an envelope or a message signature."""
    material: Json = {"publicKey": {"hint": b64(hashlib.sha256(spki(key)).digest())}}
    if entries:
        material["tlogEntries"] = list(entries)
    return {"mediaType": BUNDLE_V3, "verificationMaterial": material, **content}


def key_envelope(key: PrivateKey, payload: bytes, payload_type: str = IN_TOTO) -> Json:
    signature = sign(key, pae(payload, payload_type))
    return {"dsseEnvelope": envelope(payload, signature, payload_type)}


def hashed_rekord(message: bytes, signature: bytes, verifier_pem: bytes) -> Json:
    """The body of Rekor's entry for a signature over `message`."""
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier_pem)}},
        },
    }


def dsse_entry(payload: bytes, envelope: Json, verifier_pem: bytes) -> Json:
    """The body of Rekor's entry for a DSSE envelope."""
    signatures = [
        {"signature": each["sig"], "verifier": b64(verifier_pem)} for each in envelope["signatures"]
    ]
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": {
                "algorithm": "sha256",
                "value": hashlib.sha256(canonical(envelope)).hexdigest(),
            },
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
            "signatures": signatures,
        },
    }
