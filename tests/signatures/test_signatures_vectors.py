"""Test vectors of the sigstore projects with their expected verdicts."""

from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.signature import SignatureVerdict
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, bundle_image
from tests.signatures.sigstore_kit.vectors import directory_signature, vectors

BEACON = TrustedIssuer(
    "https://token.actions.githubusercontent.com",
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.*",
)
ANYBODY_KNOWN = tuple(
    TrustedIssuer(issuer, ".+")
    for issuer in (
        "https://token.actions.githubusercontent.com",
        "https://github.com/login/oauth",
        "https://accounts.google.com",
        "https://oauth2.sigstore.dev/auth",
    )
)
GOOD = "Signature verified"

# Every case of the conformance suite in this folder, and its expected result.
CONFORMANCE = {
    "happy-path-v0.1": GOOD,
    "happy-path-v0.3": GOOD,
    "happy-path-v0.3-new-mediaType": GOOD,
    "rekor2-happy-path": GOOD,
    "rekor2-timestamp-with-embedded-cert": GOOD,
    "managed-key-happy-path": GOOD,
    "managed-key-and-trusted-root": GOOD,
    # Good bundles of statements that are no signatures of an artifact. The second has a log entry
    # of the kind `intoto` besides, which sigstore's library cannot compare.
    "happy-path-intoto-in-dsse-v3": "an attestation",
    "intoto-with-custom-trust-root": "an attestation",
    "bundle-from-wrong-instance_fail": "certificate",
    "bundle-malformed-json_fail": "cannot be read",
    "bundle-unknown-version_fail": "cannot be read: mediaType",
    "checkpoint-wrong-roothash_fail": "root hash",
    "dsse-invalid-sig_fail": "an attestation",
    "dsse-mismatch-envelope_fail": "an attestation",
    "inclusion-proof-corrupted-hash_fail": "inclusion proof",
    "intoto-expired-certificate_fail": "an attestation",
    "intoto-tsa-timestamp-outside-cert-validity_fail": "an attestation",
    "managed-key-no-key_fail": "made with a key, and no public_keys are configured",
    "rekor2-no-timestamp_fail": "inclusion promise or signed timestamp",
    "set-invalid-signature_fail": "SET",
    "signature-mismatch_fail": "Signature is invalid",
    "wrong-hashedrekord-artifact_fail": "inconsistent",
    "wrong-material_fail": "made for another artifact",
}


def conformance_cases() -> Path:
    return vectors() / "conformance"


def test_every_conformance_case_is_in_the_table() -> None:
    cases = {each.name for each in conformance_cases().iterdir() if each.is_dir()}

    assert cases == set(CONFORMANCE)


@pytest.mark.requirement("FR-018")
@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(("case", "outcome"), CONFORMANCE.items())
def test_a_conformance_case_has_its_expected_verdict(
    case: str, outcome: str, tmp_path: Path
) -> None:
    folder = conformance_cases() / case
    root = folder / "trusted_root.json"
    key = folder / "key.pub"
    verifier = SigstoreVerifier(
        (key.read_bytes(),) if key.exists() else (),
        (BEACON,),
        root if root.exists() else vectors() / "trusted_root.prod.json",
    )
    artifact = folder / "artifact"
    signed = artifact if artifact.exists() else conformance_cases() / "a.txt"

    verdict = verdict_on(tmp_path, verifier, signed, folder / "bundle.sigstore.json")

    assert outcome in verdict.summary
    assert verdict.verified is (outcome == GOOD)


LIBRARY = {
    # name: (verified, root)
    "bundle_v3_github.whl": (True, "prod"),
    "bundle.txt": (True, "staging"),
    "bundle_v3.txt": (True, "staging"),
    "bundle_v3_alt.txt": (True, "staging"),
    "staging-rekor-v2.txt": (True, "staging"),
    "a.dsse.staging-rekor-v2.txt": (False, "staging"),
    "bundle_cve_2022_36056.txt": (False, "staging"),
    "bundle_no_log_entry.txt": (False, "staging"),
    "bundle_no_checkpoint.txt": (False, "staging"),
    "bundle_invalid_version.txt": (False, "staging"),
}


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(("name", "verified", "root"), [(n, *x) for n, x in LIBRARY.items()])
def test_a_bundle_of_the_library_has_its_expected_verdict(
    name: str, verified: bool, root: str, tmp_path: Path
) -> None:
    folder = vectors() / "sigstore-python"
    [bundle] = [each for each in folder.glob(f"{name}.sigstore*")]
    signed = folder / name
    verifier = SigstoreVerifier((), ANYBODY_KNOWN, vectors() / f"trusted_root.{root}.json")

    verdict = verdict_on(tmp_path, verifier, signed if signed.exists() else bundle, bundle)

    assert verdict.verified is verified, verdict


def test_the_attestation_of_a_real_image_is_not_a_signature(tmp_path: Path) -> None:
    bundle = vectors() / "cosign" / "oci-attestation.sigstore.json"
    verifier = SigstoreVerifier((), ANYBODY_KNOWN, vectors() / "cosign" / "trusted_root_pgi.json")

    verdict = verdict_on(tmp_path, verifier, bundle, bundle)

    assert "an attestation (https://cosign.sigstore.dev/attestation/v1)" in verdict.summary


LEGACY = {
    "dir-img-cosign-valid": "key",
    "dir-img-cosign-valid-with-tag": "key",
    "dir-img-cosign-key-rekor-valid": "key",
    "dir-img-cosign-fulcio-rekor-valid": "keyless",
    "dir-img-cosign-modified-manifest": "none",
    # Signed by a certificate of an own authority, which is in no log.
    "dir-img-cosign-pki-valid": "none",
}


@pytest.mark.requirement("FR-018")
@pytest.mark.requirement("FR-020")
@pytest.mark.parametrize(("name", "mode"), LEGACY.items())
def test_a_legacy_signature_has_its_expected_verdict(name: str, mode: str, tmp_path: Path) -> None:
    folder = vectors() / "cosign-legacy"
    keys = tuple((folder / file).read_bytes() for file in ("cosign.pub", "cosign2.pub"))
    verifier = SigstoreVerifier(keys, ANYBODY_KNOWN, vectors() / "trusted_root.prod.json")
    manifest = Manifest((folder / name / "manifest.json").read_bytes(), IMAGE_MANIFEST)
    repository = SignedRepository(tmp_path / "registry", manifest)
    repository.tag_legacy(*(Layer(*directory_signature(each)) for each in signatures(name)))

    verdict = verifier.verify(repository.registry, manifest)

    assert verdict.mode == mode, verdict


def signatures(name: str) -> list[Path]:
    return sorted((vectors() / "cosign-legacy" / name).glob("signature-*"))


def test_a_legacy_signature_of_another_image_is_refused(tmp_path: Path) -> None:
    folder = vectors() / "cosign-legacy"
    verifier = SigstoreVerifier(((folder / "cosign.pub").read_bytes(),))
    repository = SignedRepository(tmp_path / "registry")
    payload, annotations = directory_signature(folder / "dir-img-cosign-valid" / "signature-1")
    repository.tag_legacy(Layer(payload, annotations))

    verdict = verifier.verify(repository.registry, repository.manifest)

    assert "made for another artifact, sha256:634a8f35b5f16dcf" in verdict.summary


def verdict_on(
    root: Path, verifier: SigstoreVerifier, signed: Path, bundle: Path
) -> SignatureVerdict:
    """The verdict on a file as if it were an artifact, with its bundle attached."""
    manifest = Manifest(signed.read_bytes(), IMAGE_MANIFEST)
    repository = SignedRepository(root / "registry", manifest)
    content = bundle.read_bytes()
    repository.write(bundle_image(content, manifest))
    return verifier.verify(repository.registry, manifest)
