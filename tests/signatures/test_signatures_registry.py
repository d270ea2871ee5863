"""Finding signatures in registries, with the deviations of registries and tools."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.sigstore import SigstoreVerifier
from engine.domain.errors import RegistryError
from engine.domain.manifest import IMAGE_INDEX, Manifest
from tests.builders import EMPTY_CONFIG, Artifact, descriptor, image, index
from tests.conftest import Place
from tests.peers import raw
from tests.signatures.sigstore_kit.formats import (
    BUNDLE_V3,
    b64,
    key_bundle,
    key_envelope,
    pem,
    sign,
    simple_signing,
    statement,
)
from tests.signatures.sigstore_kit.instance import new_key
from tests.signatures.sigstore_kit.repository import (
    Layer,
    SignedRepository,
    bundle_image,
    signature_image,
    verdict_of,
)

KEY = new_key()
ARTIFACT = image(b"platform")


@pytest.fixture
def signed(tmp_path: Path) -> SignedRepository:
    return SignedRepository(tmp_path / "registry")


@pytest.fixture
def verifier() -> SigstoreVerifier:
    return SigstoreVerifier((pem(KEY),))


def signature_of(artifact: Artifact, artifact_type: str | None = BUNDLE_V3) -> Artifact:
    """A good bundle attached to `artifact`."""
    bundle = key_bundle(KEY, key_envelope(KEY, statement(str(artifact.manifest.digest))))
    return bundle_image(bundle, artifact.manifest, artifact_type)


def fallback_tag(artifact: Artifact) -> str:
    return str(artifact.manifest.digest).replace(":", "-")


@pytest.mark.requirement("FR-018")
def test_a_legacy_signature_is_found_in_every_registry(
    place: Place, verifier: SigstoreVerifier
) -> None:
    payload = simple_signing(str(ARTIFACT.manifest.digest))
    annotations = {"dev.cosignproject.cosign/signature": b64(sign(KEY, payload))}
    place.push(ARTIFACT, "v1.2.3")
    place.push(signature_image(Layer(payload, annotations)), f"{fallback_tag(ARTIFACT)}.sig")

    verdict = verifier.verify(place.registry, ARTIFACT.manifest)

    assert verdict.verified, verdict


@pytest.mark.requirement("FR-018")
def test_an_attached_bundle_is_found_in_every_registry(
    place: Place, verifier: SigstoreVerifier
) -> None:
    signature = signature_of(ARTIFACT)
    place.push(ARTIFACT, "v1.2.3")
    place.push(signature, None)
    place.push(index(signature), fallback_tag(ARTIFACT))

    verdict = verifier.verify(place.registry, ARTIFACT.manifest)

    assert verdict.verified, verdict


def test_an_unsigned_artifact_is_unsigned_in_every_registry(
    place: Place, verifier: SigstoreVerifier
) -> None:
    place.push(ARTIFACT, "v1.2.3")

    verdict = verifier.verify(place.registry, ARTIFACT.manifest)

    assert verdict.summary == "Artifact is unsigned"


def test_an_index_is_signed_like_any_artifact(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    several = index(image(b"amd64"), image(b"arm64"))
    signed.write(several, "v2.0.0")
    signed.write(signature_of(several))

    assert verifier.verify(signed.registry, several.manifest).verified


@pytest.mark.parametrize("listed_as", [None, EMPTY_CONFIG, "application/spdx+json"])
def test_a_bundle_listed_as_something_else_is_found(
    listed_as: str | None, signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    artifact = Artifact(signed.manifest)
    signed.write(signature_of(artifact, listed_as))

    assert verdict_of(signed, verifier).verified


def test_a_bundle_listed_for_an_artifact_it_is_not_attached_to_is_refused(
    registry_host: str,
    opened: Callable[..., DistributionRegistry],
    verifier: SigstoreVerifier,
    repository: str,
) -> None:
    other = image(b"other")
    bundle = key_bundle(KEY, key_envelope(KEY, statement(str(ARTIFACT.manifest.digest))))
    elsewhere = bundle_image(bundle, other.manifest)
    for artifact, tag in (
        (ARTIFACT, "v1.2.3"),
        (other, "v1.2.4"),
        (elsewhere, None),
        (index(elsewhere), fallback_tag(ARTIFACT)),
    ):
        raw.push(registry_host, repository, artifact, tag)

    verdict = verifier.verify(opened(registry_host, repository), ARTIFACT.manifest)

    assert not verdict.verified


def test_a_listed_bundle_that_is_missing_is_refused(
    registry_host: str,
    opened: Callable[..., DistributionRegistry],
    verifier: SigstoreVerifier,
    repository: str,
) -> None:
    gone = signature_of(ARTIFACT)
    for artifact, tag in ((ARTIFACT, "v1.2.3"), (gone, None)):
        raw.push(registry_host, repository, artifact, tag)
    listing = index(gone)
    [entry] = json.loads(listing.manifest.content)["manifests"]
    listed = {"schemaVersion": 2, "manifests": [entry | {"artifactType": BUNDLE_V3}]}
    content = Manifest(json.dumps(listed).encode(), IMAGE_INDEX)
    raw.put_manifest(registry_host, repository, content, fallback_tag(ARTIFACT))
    url = f"http://{registry_host}/v2/{repository}/manifests/{gone.manifest.digest}"
    httpx.delete(url).raise_for_status()

    verdict = verifier.verify(opened(registry_host, repository), ARTIFACT.manifest)

    assert [each.refused for each in verdict.examined] == ["listed, and not there"]


def test_an_unreachable_registry_is_an_error_and_not_unsigned(
    opened: Callable[..., DistributionRegistry], verifier: SigstoreVerifier
) -> None:
    registry = opened("127.0.0.1:9", timeout_seconds=2)

    with pytest.raises(RegistryError):
        verifier.verify(registry, ARTIFACT.manifest)


def test_records_of_floe_are_not_taken_for_signatures(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    record = "application/vnd.floe.promotion.v1+json"
    signed.write(signature_of(Artifact(signed.manifest), record))

    assert verdict_of(signed, verifier).examined == ()


def test_other_referrers_are_not_taken_for_signatures(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    subject = descriptor(signed.manifest.content, signed.manifest.media_type)
    signed.write(image(b"sbom", artifactType="application/spdx+json", subject=subject))

    assert verdict_of(signed, verifier).summary == "Artifact is unsigned"


@pytest.mark.parametrize(
    ("layers", "reason"),
    [((), "called a bundle, and has none"), ((b"{}", b"[]"), "has 2 bundles instead of one")],
)
def test_a_bundle_must_have_one_layer(
    layers: tuple[bytes, ...],
    reason: str,
    signed: SignedRepository,
    verifier: SigstoreVerifier,
) -> None:
    signed.write(
        image(
            *layers or (b"something else",),
            layer_type=BUNDLE_V3 if layers else "application/json",
            artifactType=BUNDLE_V3,
            subject=descriptor(signed.manifest.content, signed.manifest.media_type),
        )
    )

    assert reason in verdict_of(signed, verifier).summary


def test_a_huge_signature_is_refused_without_reading(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    signed.attach(b" " * (4 * 1024 * 1024 + 1))
    signed.tag_legacy(Layer(b" " * (1024 * 1024 + 1), {}))

    reasons = [each.refused for each in verdict_of(signed, verifier).examined]

    assert reasons == [
        "has 1048577 bytes: signatures of at most 1048576 are read",
        "has 4194305 bytes: signatures of at most 4194304 are read",
    ]


def test_signatures_over_the_limit_are_reported(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    signed.tag_legacy(*(Layer(b"{}", {"number": str(number)}) for number in range(103)))

    verdict = verdict_of(signed, verifier)

    assert len(verdict.examined) == 101
    assert verdict.examined[-1].refused == (
        "only the first 100 of 103 are looked at: remove those that are not yours"
    )


def test_listed_bundles_are_read_before_other_referrers(
    signed: SignedRepository, verifier: SigstoreVerifier
) -> None:
    artifact = Artifact(signed.manifest)
    subject = descriptor(signed.manifest.content, signed.manifest.media_type)
    others = [image(b"%d" % n, artifactType="application/x", subject=subject) for n in range(202)]
    for other in (*others[:101], signature_of(artifact), *others[101:]):
        signed.write(other)

    verdict = verdict_of(signed, verifier)

    assert verdict.verified
    assert len(verdict.examined) == 1
