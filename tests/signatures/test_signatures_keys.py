"""Signatures by key: key types, hints and malformed bundles."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from engine.adapters.sigstore import SigstoreVerifier
from tests.signatures.sigstore_kit.formats import (
    IN_TOTO,
    Json,
    PrivateKey,
    b64,
    envelope,
    key_bundle,
    key_envelope,
    message_signature,
    pae,
    pem,
    sign,
    simple_signing,
    spki,
    statement,
)
from tests.signatures.sigstore_kit.instance import MiniSigstore, new_key
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, verdict_of

P256 = new_key()
P384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
SIGNERS: dict[str, tuple[PrivateKey, Callable[[bytes], bytes]]] = {
    "P-256": (P256, lambda message: sign(P256, message)),
    "P-384 with SHA-256": (P384, lambda message: sign(P384, message)),
    "P-384 with SHA-384": (P384, lambda message: sign(P384, message, hashes.SHA384())),
    "RSA PKCS #1": (RSA, lambda message: sign(RSA, message)),
    "RSA PSS": (RSA, lambda message: RSA.sign(message, PSS, hashes.SHA256())),
}
ED25519 = ed25519.Ed25519PrivateKey.generate()
SIGNERS["Ed25519"] = (ED25519, ED25519.sign)


@pytest.fixture
def repository(tmp_path: Path) -> SignedRepository:
    return SignedRepository(tmp_path / "registry")


@pytest.fixture
def sigstore() -> MiniSigstore:
    return MiniSigstore()


@pytest.fixture
def verifier(sigstore: MiniSigstore, tmp_path: Path) -> SigstoreVerifier:
    """Trusts P256, and the logs of `sigstore`."""
    root = tmp_path / "root.json"
    root.write_bytes(sigstore.trusted_root())
    return SigstoreVerifier((pem(P256),), trusted_root=root)


@pytest.mark.requirement("FR-020")
@pytest.mark.parametrize("kind", SIGNERS)
def test_every_kind_of_key_verifies_a_bundle(kind: str, repository: SignedRepository) -> None:
    key, signs = SIGNERS[kind]
    payload = statement(repository.digest)
    signed = {"dsseEnvelope": envelope(payload, signs(pae(payload)))}
    repository.attach(key_bundle(key, signed))

    verdict = verdict_of(repository, SigstoreVerifier((pem(new_key()), pem(key))))

    assert verdict.fingerprint == f"sha256:{hashlib.sha256(spki(key)).hexdigest()}"


@pytest.mark.requirement("FR-020")
@pytest.mark.parametrize("kind", SIGNERS)
def test_every_kind_of_key_verifies_a_legacy_signature(
    kind: str, repository: SignedRepository
) -> None:
    key, signs = SIGNERS[kind]
    payload = simple_signing(repository.digest)
    repository.tag_legacy(legacy(payload, signs(payload)))

    assert verdict_of(repository, SigstoreVerifier((pem(key),))).verified


@pytest.mark.requirement("FR-020")
@pytest.mark.parametrize("kind", SIGNERS)
def test_keys_that_did_not_sign_do_not_verify(kind: str, repository: SignedRepository) -> None:
    key, signs = SIGNERS[kind]
    others = (
        new_key(),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    )
    payload = statement(repository.digest)
    signed = {"dsseEnvelope": envelope(payload, signs(pae(payload)))}
    repository.attach(key_bundle(key, signed))

    verdict = verdict_of(repository, SigstoreVerifier(tuple(map(pem, others))))

    assert "made with none of the 4 configured public keys, or altered" in verdict.summary


def test_a_bundle_over_the_bytes_of_the_manifest_verifies(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    content = repository.manifest.content
    signed = message_signature(content, sign(P256, content))
    repository.attach(key_bundle(P256, {"messageSignature": signed}))

    assert verdict_of(repository, verifier).verified


def test_a_wrong_key_hint_is_ignored(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    bundle = key_bundle(P256, key_envelope(P256, statement(repository.digest)))
    bundle["verificationMaterial"]["publicKey"]["hint"] = "another key"
    repository.attach(bundle)

    assert verdict_of(repository, verifier).verified


def test_a_hint_does_not_make_a_key_trusted(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    other = new_key()
    bundle = key_bundle(P256, key_envelope(other, statement(repository.digest)))
    repository.attach(bundle)

    assert not verdict_of(repository, verifier).verified


def doubled(bundle: Json) -> None:
    bundle["dsseEnvelope"]["signatures"] *= 2


def without_signature(bundle: Json) -> None:
    bundle["dsseEnvelope"]["signatures"] = []


def with_both(bundle: Json) -> None:
    bundle["messageSignature"] = message_signature(b"", b"")


def with_certificate_too(bundle: Json) -> None:
    bundle["verificationMaterial"]["certificate"] = {"rawBytes": ""}


def without_key(bundle: Json) -> None:
    del bundle["verificationMaterial"]["publicKey"]


def from_the_future(bundle: Json) -> None:
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v9+json"


def with_an_unknown_field(bundle: Json) -> None:
    bundle["verificationMaterial"]["revoked"] = True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (doubled, "its envelope has 2 signatures instead of one"),
        (without_signature, "its envelope has 0 signatures instead of one"),
        (with_both, "neither, or both, of a message and an envelope"),
        (with_certificate_too, "none, or more than one, of a key and a certificate"),
        (without_key, "none, or more than one, of a key and a certificate"),
        (from_the_future, "its bundle cannot be read: mediaType"),
        (with_an_unknown_field, "its bundle cannot be read: verificationMaterial.revoked"),
    ],
)
def test_a_malformed_bundle_is_refused(
    change: Callable[[Json], None],
    reason: str,
    repository: SignedRepository,
    verifier: SigstoreVerifier,
) -> None:
    bundle = key_bundle(P256, key_envelope(P256, statement(repository.digest)))
    change(bundle)
    repository.attach(bundle)

    assert reason in verdict_of(repository, verifier).summary


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize(
    ("payload_type", "statement_type", "reason"),
    [
        ("text/plain", "https://in-toto.io/Statement/v1", "its payload is 'text/plain'"),
        (IN_TOTO, "https://example.com/Statement", "its statement cannot be read: _type"),
    ],
)
def test_a_signed_envelope_of_something_else_is_refused(
    payload_type: str,
    statement_type: str,
    reason: str,
    repository: SignedRepository,
    verifier: SigstoreVerifier,
) -> None:
    payload = statement(repository.digest, statement_type=statement_type)
    repository.attach(key_bundle(P256, key_envelope(P256, payload, payload_type)))

    assert reason in verdict_of(repository, verifier).summary


@pytest.mark.requirement("FR-018")
def test_the_older_version_of_a_statement_is_read_too(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    payload = statement(repository.digest, statement_type="https://in-toto.io/Statement/v0.1")
    repository.attach(key_bundle(P256, key_envelope(P256, payload)))

    assert verdict_of(repository, verifier).verified


def test_a_legacy_payload_of_another_type_is_refused(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    payload = simple_signing(repository.digest, "atomic container signature")
    repository.tag_legacy(legacy(payload, sign(P256, payload)))

    assert (
        "its payload is a 'atomic container signature'" in verdict_of(repository, verifier).summary
    )


def test_a_legacy_layer_without_a_usable_signature_is_refused(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    payload = simple_signing(repository.digest)
    repository.tag_legacy(
        Layer(payload, {}),
        Layer(payload, {"dev.cosignproject.cosign/signature": "no base64"}),
        Layer(b"\xff" * 10, {}),
        Layer(payload, {}, media_type="application/vnd.dsse.envelope.v1+json"),
    )

    reasons = [each.refused or "" for each in verdict_of(repository, verifier).examined]

    assert "has no dev.cosignproject.cosign/signature annotation" in reasons[0]
    assert "its annotations cannot be read" in reasons[1]
    assert "its payload cannot be read" in reasons[2]
    assert "a layer of the type application/vnd.dsse.envelope.v1+json" in reasons[3]


def legacy(payload: bytes, signature: bytes, entry: str | None = None) -> Layer:
    annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
    if entry:
        annotations["dev.sigstore.cosign/bundle"] = entry
    return Layer(payload, annotations)
