"""Verdicts on signatures: which signature counts, and the reasons for refusals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.errors import RegistryAnswerError, RegistryError
from engine.domain.signature import ExaminedSignature, SignatureVerdict
from tests.builders import image
from tests.signatures.sigstore_kit.formats import (
    b64,
    key_bundle,
    key_envelope,
    pem,
    sign,
    simple_signing,
    statement,
)
from tests.signatures.sigstore_kit.instance import ISSUER, SUBJECT, MiniSigstore, new_key
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, verdict_of
from tests.signatures.sigstore_kit.vectors import vectors

KEY = new_key()
OTHER_KEY = new_key()


@pytest.fixture
def repository(tmp_path: Path) -> SignedRepository:
    return SignedRepository(tmp_path / "registry")


@pytest.fixture
def verifier() -> SigstoreVerifier:
    return SigstoreVerifier((pem(KEY),))


def legacy_layer(digest: str, key: object = KEY) -> Layer:
    payload = simple_signing(digest)
    return Layer(payload, {"dev.cosignproject.cosign/signature": b64(sign(key, payload))})


def good_bundle(repository: SignedRepository) -> dict[str, object]:
    return key_bundle(KEY, key_envelope(KEY, statement(repository.digest)))


def bad_bundle(repository: SignedRepository, number: int = 0) -> dict[str, object]:
    payload = statement(repository.digest) + b" " * number
    return key_bundle(OTHER_KEY, key_envelope(OTHER_KEY, payload))


@pytest.mark.requirement("FR-005")
def test_an_artifact_without_signatures_is_unsigned(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    verdict = verdict_of(repository, verifier)

    assert verdict == SignatureVerdict(problem="Artifact is unsigned")
    assert not verdict.verified


@pytest.mark.requirement("FR-020")
def test_a_legacy_signature_by_a_configured_key_verifies(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    repository.tag_legacy(legacy_layer(repository.digest))

    verdict = verdict_of(repository, verifier)

    assert verdict.summary == f"Signature verified (key, {verdict.fingerprint})"
    assert verdict.notes == ("verified by the key alone: no transparency log entry came with it",)


@pytest.mark.requirement("FR-020")
def test_a_bundle_by_a_configured_key_verifies(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    attached = repository.attach(good_bundle(repository))

    verdict = verdict_of(repository, verifier)

    assert verdict.verified
    assert verdict.examined == (ExaminedSignature(f"referrer {attached.manifest.digest.short}"),)


@pytest.mark.requirement("FR-018")
@pytest.mark.requirement("FR-019")
def test_a_keyless_bundle_names_the_signer(repository: SignedRepository, tmp_path: Path) -> None:
    sigstore = MiniSigstore()
    root = tmp_path / "root.json"
    root.write_bytes(sigstore.trusted_root())
    verifier = SigstoreVerifier((), (TrustedIssuer(ISSUER, "https://github.com/acme/.*"),), root)
    repository.attach(sigstore.sign_statement(sigstore.issue(), statement(repository.digest)))

    verdict = verdict_of(repository, verifier)

    assert verdict.summary == f"Signature verified (keyless, {SUBJECT})"
    assert (verdict.mode, verdict.issuer, verdict.subject) == ("keyless", ISSUER, SUBJECT)


@pytest.mark.requirement("FR-018")
def test_one_good_signature_among_bad_ones_suffices(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    repository.attach(b"{}")
    repository.attach(bad_bundle(repository))
    repository.tag_legacy(
        legacy_layer("sha256:" + "ab" * 32),
        legacy_layer(repository.digest, OTHER_KEY),
        legacy_layer(repository.digest),
    )

    verdict = verdict_of(repository, verifier)

    assert verdict.verified
    assert [each.refused is None for each in verdict.examined] == [False, False, True]


@pytest.mark.requirement("FR-018")
def test_a_good_bundle_behind_bad_legacy_signatures_is_found(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    repository.tag_legacy(legacy_layer(repository.digest, OTHER_KEY))
    repository.attach(bad_bundle(repository))
    repository.attach(good_bundle(repository))

    assert verdict_of(repository, verifier).verified


@pytest.mark.requirement("FR-005")
def test_a_refusal_has_a_reason_for_every_signature(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    repository.tag_legacy(legacy_layer(repository.digest, OTHER_KEY))
    repository.attach(b"{}")

    verdict = verdict_of(repository, verifier)

    assert verdict.summary.startswith("Signature verification failed: tag sha256-")
    assert "layer 1: made with none of the 1 configured public keys, or altered;" in verdict.summary
    assert "its bundle cannot be read: mediaType: Field required" in verdict.summary


def test_a_refusal_of_many_signatures_stays_short(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    for number in range(8):
        repository.attach(bad_bundle(repository, number))

    verdict = verdict_of(repository, verifier)

    assert verdict.summary.endswith("; and 3 more")
    assert len(verdict.examined) == 8


def test_a_refusal_is_printable_and_short(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    payload = statement(repository.digest, "evil\x1b[2J\n\u202e" + "x" * 5000)
    repository.attach(key_bundle(KEY, key_envelope(KEY, payload)))

    verdict = verdict_of(repository, verifier)

    assert "an attestation (evil\\x1b[2J\\n\\u202exxx" in verdict.summary
    assert verdict.summary.isprintable()
    assert len(verdict.summary) < 500


@pytest.mark.requirement("FR-018")
def test_a_signature_copied_from_another_artifact_does_not_count(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    other = "sha256:" + "ab" * 32
    repository.tag_legacy(legacy_layer(other))
    repository.attach(key_bundle(KEY, key_envelope(KEY, statement(other))))

    verdict = verdict_of(repository, verifier)

    assert [each.refused for each in verdict.examined] == [
        f"made for another artifact, {other}"
    ] * 2


@pytest.mark.requirement("FR-018")
def test_an_attestation_is_not_a_signature(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    payload = statement(repository.digest, "https://slsa.dev/provenance/v1")
    repository.attach(key_bundle(KEY, key_envelope(KEY, payload)))

    verdict = verdict_of(repository, verifier)

    reason = "an attestation (https://slsa.dev/provenance/v1), not a signature"
    assert [each.refused for each in verdict.examined] == [reason]


def test_an_error_of_the_registry_is_raised(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    (repository.root / "index.json").write_text("not an index")

    with pytest.raises(RegistryError):
        verdict_of(repository, verifier)


def test_a_lost_signature_is_unknown_and_not_bad(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    lose(repository, repository.attach(good_bundle(repository)).blobs[-1])

    with pytest.raises(RegistryAnswerError, match="does not have the blob"):
        verdict_of(repository, verifier)


def test_a_good_signature_beside_a_lost_one_suffices(
    repository: SignedRepository, verifier: SigstoreVerifier
) -> None:
    # Tagged signatures are read first.
    lose(repository, repository.tag_legacy(legacy_layer(repository.digest)).blobs[-1])
    repository.attach(good_bundle(repository))

    assert verdict_of(repository, verifier).verified


def test_a_verdict_cannot_be_verified_and_have_a_problem() -> None:
    with pytest.raises(ValueError, match="either a key or certificate, or a problem"):
        SignatureVerdict("key", fingerprint="sha256:ab", problem="no")
    with pytest.raises(ValueError, match="either a key or certificate, or a problem"):
        SignatureVerdict(problem=None)


def test_the_sigstore_library_is_loaded_only_for_certificates() -> None:
    script = """
import sys
from engine.adapters.sigstore import SigstoreVerifier
assert not [name for name in sys.modules if name.split(".")[0] == "sigstore"]
SigstoreVerifier((sys.stdin.buffer.read(),))
assert "sigstore.verify" not in sys.modules and "sigstore.models" not in sys.modules
"""

    done = run_python(script, pem(KEY), {})

    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.requirement("FR-019")
def test_the_embedded_root_needs_neither_network_nor_home(
    repository: SignedRepository, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    case = vectors() / "conformance" / "happy-path-v0.3"
    script = f"""
import sys
def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise OSError("the network is used")
sys.addaudithook(no_network)
from pathlib import Path
from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from tests.signatures.sigstore_kit.repository import SignedRepository, verdict_of
artifact = Manifest(Path({str(case.parent / "a.txt")!r}).read_bytes(), IMAGE_MANIFEST)
repository = SignedRepository(Path({str(tmp_path / "signed")!r}), artifact)
repository.attach(sys.stdin.buffer.read())
issuer = TrustedIssuer({ISSUER!r}, "https://github.com/sigstore-conformance/.*")
print(verdict_of(repository, SigstoreVerifier((), (issuer,))).summary)
"""

    done = run_python(script, (case / "bundle.sigstore.json").read_bytes(), {"HOME": str(home)})

    assert done.stdout.startswith(b"Signature verified (keyless, https://"), done.stderr.decode()
    assert list(home.iterdir()) == []


def lose(repository: SignedRepository, content: bytes) -> None:
    name = image(content).manifest.view.layers[0].digest.removeprefix("sha256:")
    (repository.root / "blobs" / "sha256" / name).unlink()


def run_python(
    script: str, given: bytes, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", script],
        input=given,
        capture_output=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": ".", **environment},
        check=False,
    )
