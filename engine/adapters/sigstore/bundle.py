"""
Parses sigstore bundles: a signature with everything needed to verify it.

https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`.
"""

from typing import Literal

from pydantic import JsonValue

from engine.adapters.sigstore.logged import Signed
from engine.adapters.sigstore.payload import check_statement
from engine.adapters.sigstore.transparency import Entry
from engine.attestation.bundle import KeyHint
from engine.attestation.dsse import Envelope
from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Closed, parse
from engine.domain.artifact import Digest
from engine.domain.manifest import Manifest

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"
_DIGEST_LENGTH = 32


class Material(Closed):
    public_key: KeyHint | None = None
    certificate: dict[str, JsonValue] | None = None
    x509_certificate_chain: dict[str, JsonValue] | None = None
    tlog_entries: tuple[Entry, ...] = ()
    timestamp_verification_data: dict[str, JsonValue] | None = None


class MessageDigest(Closed):
    algorithm: str
    digest: Base64


class MessageSignature(Closed):
    message_digest: MessageDigest | None = None
    signature: Base64


class Bundle(Closed):
    media_type: Literal[
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ]
    verification_material: Material
    message_signature: MessageSignature | None = None
    dsse_envelope: Envelope | None = None

    @property
    def keyless(self) -> bool:
        """Whether the signature is by a certificate; Refused if that is ambiguous."""
        material = self.verification_material
        certified = bool(material.certificate) + bool(material.x509_certificate_chain)
        if certified + (material.public_key is not None) != 1:
            raise Refused("its bundle names none, or more than one, of a key and a certificate")
        return certified == 1


def read_bundle(content: bytes, artifact: Digest) -> Bundle:
    """
    Parse the bundle in `content`; Refused if it is not for `artifact`.

    This is checked before the signature, which is cheap and gives a clear reason.
    """
    bundle = parse(Bundle, content, "its bundle")
    envelope, message = bundle.dsse_envelope, bundle.message_signature
    if (envelope is None) == (message is None):
        raise Refused("its bundle has neither, or both, of a message and an envelope")
    if envelope is not None:
        check_statement(envelope.payload_type, envelope.payload, artifact)
    elif message is not None and message.message_digest is not None:
        digest = message.message_digest.digest
        if digest != bytes.fromhex(artifact.hex):
            raise Refused(f"made for another artifact, sha256:{digest[:_DIGEST_LENGTH].hex()}")
    return bundle


def signed_by(bundle: Bundle, artifact: Manifest, verifier: bytes) -> Signed:
    """The signature with its signed bytes: of the envelope, or of the artifact itself."""
    envelope, message = bundle.dsse_envelope, bundle.message_signature
    if envelope is not None:
        return Signed(envelope.message, envelope.signature, verifier, envelope.payload)
    if message is None:
        raise Refused("its bundle has no signature")
    return Signed(artifact.content, message.signature, verifier)
