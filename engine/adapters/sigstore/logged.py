"""Compares the body of a transparency log entry with the signature it belongs to."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import Field

from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Wire, parse

_ENTRY = "its transparency log entry"
_ALGORITHMS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, its signed bytes, and the DER of its key or certificate."""

    message: bytes
    signature: bytes
    verifier: bytes
    # The payload of a DSSE envelope; `message` is the payload with its type.
    payload: bytes | None = None


class _Hash(Wire):
    algorithm: Literal["sha256", "sha384", "sha512"]
    value: str


class _Data(Wire):
    hash: _Hash


class _Pem(Wire):
    content: Base64


class _Signature(Wire):
    content: Base64
    public_key: _Pem


class _HashedRekord(Wire):
    """https://github.com/sigstore/rekor/tree/main/pkg/types/hashedrekord/v0.0.1"""

    data: _Data
    signature: _Signature


class _Digest(Wire):
    algorithm: Literal["SHA2_256", "SHA2_384", "SHA2_512"]
    digest: Base64


class _Raw(Wire):
    raw_bytes: Base64


class _Verifier(Wire):
    public_key: _Raw | None = None
    x509_certificate: _Raw | None = None


class _SignatureV2(Wire):
    content: Base64
    verifier: _Verifier


class _HashedRekordV2(Wire):
    data: _Digest
    signature: _SignatureV2


class _SpecV2(Wire):
    """https://github.com/sigstore/rekor-tiles, hashedrekord 0.0.2."""

    hashed_rekord: _HashedRekordV2 = Field(alias="hashedRekordV002")


class _DsseSignature(Wire):
    signature: Base64
    verifier: Base64


class _Dsse(Wire):
    """https://github.com/sigstore/rekor/tree/main/pkg/types/dsse/v0.0.1"""

    payload_hash: _Hash
    signatures: tuple[_DsseSignature, ...]


class _Kind(Wire):
    kind: str
    api_version: str


class _Body(Wire):
    spec: _HashedRekord


class _BodyV2(Wire):
    spec: _SpecV2


class _DsseBody(Wire):
    spec: _Dsse


def check_body(body: bytes, signed: Signed) -> str:
    """
    Return the entry's `kind version`; Refused if it is not for `signed`.

    Without this check, the entry of one signature would prove another one (CVE-2022-36056).
    """
    entry = parse(_Kind, body, _ENTRY)
    kind = f"{entry.kind} {entry.api_version}"
    if kind == "hashedrekord 0.0.1":
        agrees = _hashed_rekord(parse(_Body, body, _ENTRY).spec, signed)
    elif kind == "hashedrekord 0.0.2":
        agrees = _hashed_rekord_v2(parse(_BodyV2, body, _ENTRY).spec.hashed_rekord, signed)
    elif kind == "dsse 0.0.1":
        agrees = _dsse(parse(_DsseBody, body, _ENTRY).spec, signed)
    else:
        raise Refused(f"{_ENTRY} is of the kind {kind}, which cannot be compared with it")
    if not agrees:
        raise Refused(f"{_ENTRY} is for another signature")
    return kind


def _hashed_rekord(entry: _HashedRekord, signed: Signed) -> bool:
    return (
        _is_hash(entry.data.hash, signed.message)
        and entry.signature.content == signed.signature
        and _der(entry.signature.public_key.content) == signed.verifier
    )


def _hashed_rekord_v2(entry: _HashedRekordV2, signed: Signed) -> bool:
    algorithm = _ALGORITHMS[entry.data.algorithm]
    verifier = entry.signature.verifier
    raw = [each.raw_bytes for each in (verifier.public_key, verifier.x509_certificate) if each]
    return (
        entry.data.digest == hashlib.new(algorithm, signed.message).digest()
        and entry.signature.content == signed.signature
        and raw == [signed.verifier]
    )


def _dsse(entry: _Dsse, signed: Signed) -> bool:
    return (
        signed.payload is not None
        and _is_hash(entry.payload_hash, signed.payload)
        and [each.signature for each in entry.signatures] == [signed.signature]
        and [_der(each.verifier) for each in entry.signatures] == [signed.verifier]
    )


def _is_hash(expected: _Hash, content: bytes) -> bool:
    return expected.value == hashlib.new(expected.algorithm, content).hexdigest()


def _der(pem: bytes) -> bytes:
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise Refused(f"{_ENTRY} has an unreadable key or certificate") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
