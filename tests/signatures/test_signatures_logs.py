"""Signatures by key with a transparency log entry, which must not contradict them."""

import base64
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier
from tests.signatures.sigstore_kit.formats import (
    Json,
    PrivateKey,
    b64,
    dsse_entry,
    envelope,
    hashed_rekord,
    key_bundle,
    key_envelope,
    pae,
    pem,
    sign,
    simple_signing,
    spki,
    statement,
)
from tests.signatures.sigstore_kit.instance import NOW, MiniSigstore, new_key
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, verdict_of

P256 = new_key()


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
def test_an_agreeing_log_entry_is_noted(
    repository: SignedRepository, sigstore: MiniSigstore, verifier: SigstoreVerifier
) -> None:
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    entry = sigstore.entry(dsse_entry(payload, signed["dsseEnvelope"], pem(P256)))
    repository.attach(key_bundle(P256, signed, entry))

    verdict = verdict_of(repository, verifier)

    assert verdict.notes == ("the transparency log entry that came with it agrees",)


def test_an_agreeing_entry_of_a_newer_log_is_noted(
    repository: SignedRepository, sigstore: MiniSigstore, verifier: SigstoreVerifier
) -> None:
    signed = key_envelope(P256, statement(repository.digest))
    repository.attach(key_bundle(P256, signed, sigstore.entry(newer_entry(signed, P256))))

    verdict = verdict_of(repository, verifier)

    assert verdict.notes == ("the transparency log entry that came with it agrees",)


def test_an_entry_from_after_its_log_was_retired_refuses_a_good_signature(
    repository: SignedRepository, tmp_path: Path
) -> None:
    sigstore = MiniSigstore(retired={"transparency_log": NOW - timedelta(days=1)})
    root = tmp_path / "root.json"
    root.write_bytes(sigstore.trusted_root())
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    entry = sigstore.entry(dsse_entry(payload, signed["dsseEnvelope"], pem(P256)))
    repository.attach(key_bundle(P256, signed, entry))

    verdict = verdict_of(repository, SigstoreVerifier((pem(P256),), trusted_root=root))

    assert "is of no log that the trusted root then had" in verdict.summary


def test_an_agreeing_entry_of_an_unknown_log_is_noted_as_such(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    signed = key_envelope(P256, statement(repository.digest))
    repository.attach(key_bundle(P256, signed, MiniSigstore().entry(newer_entry(signed, P256))))

    verdict = verdict_of(repository, verifier)

    assert verdict.verified
    assert "of a log that the trusted root does not know" in verdict.notes[0]


def newer_entry(signed: Json, key: PrivateKey, suffix: bytes = b"") -> Json:
    """As Rekor 2 logs an envelope; with a `suffix`, it is one of another message."""
    inner = signed["dsseEnvelope"]
    message = pae(base64.b64decode(inner["payload"])) + suffix
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": b64(hashlib.sha256(message).digest()),
                },
                "signature": {
                    "content": inner["signatures"][0]["sig"],
                    "verifier": {
                        "publicKey": {"rawBytes": b64(spki(key))},
                        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    },
                },
            }
        },
    }


def entries_that_contradict(signed: Json, payload: bytes) -> dict[str, Json]:
    inner = signed["dsseEnvelope"]
    other = envelope(payload, sign(P256, pae(payload)))
    return {
        "another payload": dsse_entry(payload + b" ", inner, pem(P256)),
        "another signature": dsse_entry(payload, other, pem(P256)),
        "another key": dsse_entry(payload, inner, pem(new_key())),
        "another kind": hashed_rekord(payload, b"", pem(P256)),
        "another key in a newer log": newer_entry(signed, new_key()),
        "another payload in a newer log": newer_entry(signed, P256, b" "),
        "another signature in a newer log": newer_entry({"dsseEnvelope": other}, P256),
    }


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", list(entries_that_contradict(key_envelope(P256, b""), b"")))
def test_a_log_entry_of_other_content_refuses_a_good_signature(
    kind: str,
    known: bool,
    repository: SignedRepository,
    sigstore: MiniSigstore,
    verifier: SigstoreVerifier,
) -> None:
    payload = statement(repository.digest)
    signed = key_envelope(P256, payload)
    log = sigstore if known else MiniSigstore()
    body = entries_that_contradict(signed, payload)[kind]
    repository.attach(key_bundle(P256, signed, log.entry(body)))

    assert (
        "its transparency log entry is for another signature"
        in verdict_of(repository, verifier).summary
    )


def test_a_log_entry_of_an_unknown_kind_refuses_a_good_signature(
    repository: SignedRepository, sigstore: MiniSigstore, verifier: SigstoreVerifier
) -> None:
    signed = key_envelope(P256, statement(repository.digest))
    entry = sigstore.entry({"apiVersion": "0.0.2", "kind": "intoto", "spec": {}})
    repository.attach(key_bundle(P256, signed, entry))

    assert (
        "is of the kind intoto 0.0.2, which cannot be compared"
        in verdict_of(repository, verifier).summary
    )


def test_a_contradicting_entry_refuses_a_good_legacy_signature(
    repository: SignedRepository, sigstore: MiniSigstore, verifier: SigstoreVerifier
) -> None:
    payload = simple_signing(repository.digest)
    signature = sign(P256, payload)
    agreeing = sigstore.legacy_entry(hashed_rekord(payload, signature, pem(P256)))
    other = sigstore.legacy_entry(hashed_rekord(payload, sign(P256, payload), pem(P256)))
    foreign = sigstore.legacy_entry(hashed_rekord(payload, signature, pem(new_key())))
    forged = json.loads(agreeing)
    forged["Payload"]["integratedTime"] += 1
    repository.tag_legacy(
        *(legacy(payload, signature, entry) for entry in (other, foreign, json.dumps(forged), "{}"))
    )

    reasons = [each.refused or "" for each in verdict_of(repository, verifier).examined]

    assert "is for another signature" in reasons[0]
    assert "is for another signature" in reasons[1]
    assert "is not signed by the log it names" in reasons[2]
    assert "its transparency log entry cannot be read" in reasons[3]


def legacy(payload: bytes, signature: bytes, entry: str | None = None) -> Layer:
    annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
    if entry:
        annotations["dev.sigstore.cosign/bundle"] = entry
    return Layer(payload, annotations)
