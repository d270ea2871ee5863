"""Attach OpenVEX documents to an artifact as cosign does."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from engine.adapters.registry.layout.files import locked
from engine.domain.manifest import Manifest
from tests.builders import Artifact, referrer
from tests.peers import oci_layout
from tests.signatures.sigstore_kit.formats import envelope, key_bundle, key_envelope, pae, pem, sign
from tests.signatures.sigstore_kit.repository import Layer, bundle_image, signature_image
from tests.waivers.documents import ARTIFACT, DIGEST, Json, document, product_of, statement

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
DSSE = "application/vnd.dsse.envelope.v1+json"


def attestation(
    said: Json,
    predicate: str = "https://openvex.dev/ns/v0.2.0",
    kind: str = "https://in-toto.io/Statement/v1",
    digest: str = DIGEST.hex,
) -> bytes:
    subject = [{"name": "app", "digest": {"sha256": digest}}]
    return json.dumps(
        {"_type": kind, "subject": subject, "predicateType": predicate, "predicate": said}
    ).encode()


GOOD = attestation(document(statement()))
OF_COSIGN_2 = attestation(
    document(statement()), "https://openvex.dev/ns", "https://in-toto.io/Statement/v0.1"
)


def bundle(
    payload: bytes = GOOD, key: Any = KEY, subject: Manifest = ARTIFACT.manifest
) -> Artifact:
    return bundle_image(key_bundle(key, key_envelope(key, payload)), subject)


def legacy(*payloads: bytes, key: Any = KEY) -> Artifact:
    """The attestations of cosign 2, one layer for each, for its tag `sha256-….att`."""
    said = {"predicateType": "https://openvex.dev/ns"}
    content = (envelope(each, sign(key, pae(each))) for each in payloads)
    return signature_image(*(Layer(json.dumps(each).encode(), said, DSSE) for each in content))


def trust_key(folder: Path) -> str:
    """Write the public key, and return the lines of `artifacts.registry` that trust it."""
    (folder / "release.pub").write_bytes(pem(KEY))
    return "verification: {enforcement: 'off', public_keys: [release.pub]}"


def unsigned(subject: Manifest) -> Artifact:
    said = document(statement(products=[{"@id": product_of(subject.digest)}]))
    return referrer(subject, "application/vnd.openvex+json", json.dumps(said).encode())


def signed(subject: Manifest, key: Any = KEY, **changed: Any) -> Artifact:
    """A document about `subject` that `key` signed; `changed` is in its statement."""
    said = document(statement(products=[{"@id": product_of(subject.digest)}], **changed))
    return bundle(attestation(said, digest=subject.digest.hex), key, subject)


def attach(folder: Path, attached: Artifact) -> str:
    """Attach it in the layout of a running platform; the start of its digest, as people see it."""
    with locked(folder / "registry"):
        oci_layout.write(folder / "registry", attached)
    return str(attached.manifest.digest)[:19]
