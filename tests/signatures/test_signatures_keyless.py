"""Signatures by certificate: authority, certificate log, transparency log and validity."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.adapters.sigstore import SigstoreVerifier
from tests.signatures.sigstore_kit.formats import (
    b64,
    dsse_entry,
    envelope,
    hashed_rekord,
    pae,
    pem,
    sign,
    simple_signing,
    statement,
)
from tests.signatures.sigstore_kit.instance import (
    NOW,
    MiniSigstore,
    new_key,
)
from tests.signatures.sigstore_kit.keyless import ACME, in_both_formats, keyless_verdict, signed
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, verdict_of


@pytest.fixture
def sigstore() -> MiniSigstore:
    return MiniSigstore()


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize("foreign", ["authority", "certificate_log", "transparency_log"])
@in_both_formats
def test_signatures_of_another_sigstore_instance_are_refused(
    foreign: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    others = {
        name: getattr(sigstore, name)
        for name in ("authority", "certificate_log", "transparency_log")
        if name != foreign
    }
    repository = signed(tmp_path, form, sigstore, sigstore.issue())

    found = keyless_verdict(repository, MiniSigstore(**others))

    assert found.mode == "none"
    assert found.examined[0].refused


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize("logs", ["ctlogs", "tlogs"])
@in_both_formats
def test_a_log_is_known_by_its_key_and_not_by_its_id(
    logs: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue())
    root = json.loads(sigstore.trusted_root())
    root[logs][0]["publicKey"] = json.loads(MiniSigstore().trusted_root())[logs][0]["publicKey"]
    file = tmp_path / "root.json"
    file.write_text(json.dumps(root))

    verdict = verdict_of(repository, SigstoreVerifier((), (ACME,), file))

    assert verdict.mode == "none"


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize("part", ["authority", "certificate_log", "transparency_log"])
@in_both_formats
def test_signatures_from_before_a_retirement_count(
    part: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue())
    sigstore.retired[part] = NOW + timedelta(days=1)

    assert keyless_verdict(repository, sigstore).verified


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize("part", ["authority", "certificate_log", "transparency_log"])
@in_both_formats
def test_signatures_from_after_a_retirement_are_refused(
    part: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue())
    sigstore.retired[part] = NOW - timedelta(days=1)

    assert "that the trusted root then had" in keyless_verdict(repository, sigstore).summary


@pytest.mark.requirement("FR-019")
@in_both_formats
def test_a_certificate_that_was_not_logged_is_refused(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(logged=False))

    assert "signed certificate timestamp" in keyless_verdict(repository, sigstore).summary


@pytest.mark.requirement("FR-019")
@in_both_formats
def test_a_signature_from_after_the_certificate_is_refused(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    holder = sigstore.issue()
    sigstore.now += timedelta(hours=1)
    repository = signed(tmp_path, form, sigstore, holder)

    found = keyless_verdict(repository, sigstore)

    assert "certificate" in found.summary
    assert not found.verified


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(
    ("key", "usage", "reason"),
    [
        (new_key(), ExtendedKeyUsageOID.SERVER_AUTH, "certificate is not for signing code"),
        (
            rsa.generate_private_key(65537, 2048),
            ExtendedKeyUsageOID.CODE_SIGNING,
            "key is not ECDSA P-256 or P-384",
        ),
        (
            ec.generate_private_key(ec.SECP521R1()),
            ExtendedKeyUsageOID.CODE_SIGNING,
            "key is not ECDSA P-256 or P-384",
        ),
    ],
)
@in_both_formats
def test_a_certificate_for_something_else_is_refused(
    key: ec.EllipticCurvePrivateKey,
    usage: x509.ObjectIdentifier,
    reason: str,
    form: str,
    tmp_path: Path,
    sigstore: MiniSigstore,
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(key=key, usage=usage))

    assert reason in keyless_verdict(repository, sigstore).summary


@pytest.mark.requirement("FR-018")
def test_a_log_entry_of_another_signature_is_refused(
    tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    holder = sigstore.issue()
    payload, other = statement(repository.digest), simple_signing(repository.digest)
    signed = envelope(payload, sign(holder.key, pae(payload)))
    logged = envelope(b"another", sign(holder.key, pae(b"another")))
    body = dsse_entry(b"another", logged, holder.pem)
    repository.attach(sigstore.bundle(holder, {"dsseEnvelope": signed}, body))
    foreign = hashed_rekord(b"another", sign(holder.key, b"another"), holder.pem)
    repository.tag_legacy(Layer(other, sigstore.legacy(holder, other, foreign)))

    found = keyless_verdict(repository, sigstore)

    assert [each.refused for each in found.examined] == [
        "its transparency log entry is for another signature",
        "log entry payload hash does not match bundle",
    ]


@pytest.mark.requirement("FR-019")
def test_a_certificate_without_a_log_entry_is_refused(
    tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    holder = sigstore.issue()
    payload = simple_signing(repository.digest)
    annotations = sigstore.legacy(holder, payload)
    del annotations["dev.sigstore.cosign/bundle"]
    repository.tag_legacy(Layer(payload, annotations))
    bundle = sigstore.sign_statement(holder, statement(repository.digest))
    bundle["verificationMaterial"]["tlogEntries"] = []
    repository.attach(bundle)

    found = keyless_verdict(repository, sigstore)

    assert [each.refused for each in found.examined] == [
        "its transparency log entry is missing",
        "expected exactly one log entry in bundle",
    ]


def test_a_legacy_certificate_must_have_made_the_signature(
    tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    holder, payload = sigstore.issue(), simple_signing(repository.digest)
    signature = sign(new_key(), payload)
    body = hashed_rekord(payload, signature, holder.pem)
    annotations = sigstore.legacy(holder, payload, body)
    annotations["dev.cosignproject.cosign/signature"] = b64(signature)
    repository.tag_legacy(Layer(payload, annotations))

    assert "signature is not by its certificate" in keyless_verdict(repository, sigstore).summary


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize("predicate", ["https://slsa.dev/provenance/v1", ""])
def test_a_keyless_attestation_is_not_a_signature(
    predicate: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    payload = statement(repository.digest, predicate)
    repository.attach(sigstore.sign_statement(sigstore.issue(), payload))

    assert f"an attestation ({predicate})" in keyless_verdict(repository, sigstore).summary


def test_a_bundle_over_the_bytes_of_the_manifest_verifies(
    tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    repository.attach(sigstore.sign_message(sigstore.issue(), repository.manifest.content))

    assert keyless_verdict(repository, sigstore).verified


@in_both_formats
def test_certificates_are_refused_if_only_keys_are_configured(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue())

    found = verdict_of(repository, SigstoreVerifier((pem(new_key()),)))

    assert "made with a certificate, and no trusted_issuers are configured" in found.summary


@pytest.mark.requirement("FR-020")
def test_a_configured_key_suffices_beside_a_certificate(
    tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = SignedRepository(tmp_path / "registry")
    holder, payload = sigstore.issue(), simple_signing(repository.digest)
    annotations = sigstore.legacy(holder, payload)
    del annotations["dev.sigstore.cosign/bundle"]
    repository.tag_legacy(Layer(payload, annotations))

    found = verdict_of(repository, SigstoreVerifier((pem(holder.key),)))

    assert found.mode == "key"
