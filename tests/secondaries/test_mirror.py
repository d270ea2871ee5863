"""Copies between registries and layouts of every kind: complete, and without duplicates."""

from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.attestation.bundle import BUNDLE_V03, PREDICATE_TYPE
from engine.attestation.statement import predicate_type
from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import MAX_MANIFEST_BYTES
from engine.ports import Registry
from engine.ports.secondary import TagCopy
from tests.builders import Artifact, descriptor, image, referrer, shapes
from tests.conftest import Place
from tests.peers import skopeo
from tests.peers.docker_registry import docker_registry
from tests.peers.go import referrers_registry
from tests.secondaries.mirrors import (
    SBOM,
    V1,
    Opened,
    copied,
    list_referrer,
    mirror_to,
    signature_tag,
    signed_index,
)

pytestmark = pytest.mark.requirement("FR-028")


@pytest.fixture(params=["layout", "remote", "referrers API"])
def target(request, tmp_path: Path, opened: Opened, repository: str):
    """Every kind of secondary: the argument of a mirror, and a way to read it afterwards."""
    if request.param == "layout":
        yield tmp_path / "secondary"
    elif request.param == "remote":
        folder = tmp_path / "other"
        folder.mkdir()
        with docker_registry(folder) as running:
            yield opened(running.host, repository)
    else:
        with referrers_registry() as host:
            yield opened(host, repository)


def read(target: DistributionRegistry | Path) -> Registry:
    return LayoutRegistry(target) if isinstance(target, Path) else target


def push_signed(place: Place) -> Artifact:
    whole, belonging = signed_index()
    place.push(whole, "v1.0.0")
    for artifact, tag in belonging:
        place.push(artifact, tag)
        if tag is None:
            list_referrer(place.registry, artifact.manifest)
    return whole


def test_manifests_blobs_and_referrers_are_copied(place: Place, target):
    whole = push_signed(place)
    _, belonging = signed_index()

    copied(mirror_to(place.registry, target), whole.manifest, V1)

    there = read(target)
    assert there.resolve(V1) == whole.manifest.digest
    for part in [*whole.whole(), *(artifact for artifact, _ in belonging)]:
        found = there.fetch(part.manifest.digest)
        assert found is not None
        assert found.content == part.manifest.content
        for blob in part.blobs:
            named = descriptor(blob, "")
            assert there.blob(named["digest"], named["size"]) == blob
    for artifact, tag in belonging:
        assert tag is None or there.resolve(Tag(tag)) == artifact.manifest.digest


def test_referrers_are_listed_in_the_copy(place: Place, target):
    whole = push_signed(place)
    (sbom, _), (of_sbom, _), *_ = signed_index()[1]

    copied(mirror_to(place.registry, target), whole.manifest, V1)

    there = read(target)
    [found] = there.referrers(whole.manifest.digest, SBOM)
    assert (found.digest, found.annotations) in [
        (str(sbom.manifest.digest), {"made": "by hand"}),
        # The list of that registry has no annotations.
        (str(sbom.manifest.digest), {}),
    ]
    [deeper] = there.referrers(sbom.manifest.digest)
    assert deeper.digest == str(of_sbom.manifest.digest)


def test_copied_content_has_no_tag_before_publishing(place: Place, target):
    whole = push_signed(place)

    mirror_to(place.registry, target).copy(whole.manifest)

    assert read(target).fetch(whole.manifest.digest) is not None
    assert read(target).tags() == ()


def test_a_second_copy_sends_nothing(place: Place, target):
    whole = push_signed(place)
    mirror = mirror_to(place.registry, target)
    first = copied(mirror, whole.manifest, V1)

    second = copied(mirror, whole.manifest, V1)

    assert first.sent > 0
    assert second.sent == 0


@pytest.mark.parametrize("shape", shapes())
def test_manifests_keep_their_bytes(place: Place, tmp_path: Path, shape: str):
    artifact = shapes()[shape]
    place.push(artifact, "v1.0.0")

    copied(mirror_to(place.registry, tmp_path / "secondary"), artifact.manifest, V1)

    found = LayoutRegistry(tmp_path / "secondary").fetch(V1)
    assert found is not None
    assert found.content == artifact.manifest.content


def test_an_empty_layer_is_copied(place: Place, target):
    artifact = image(b"", b"layer")
    place.push(artifact, "v1.0.0")

    copied(mirror_to(place.registry, target), artifact.manifest, V1)

    assert read(target).blob(descriptor(b"", "")["digest"], 0) == b""


def test_a_manifest_of_four_mib_is_copied(place: Place, target):
    bare = len(image(annotations={"filler": ""}).manifest.content)
    artifact = image(annotations={"filler": "x" * (MAX_MANIFEST_BYTES - bare)})
    assert len(artifact.manifest.content) == MAX_MANIFEST_BYTES
    place.push(artifact, "v1.0.0")

    copied(mirror_to(place.registry, target), artifact.manifest, V1)

    assert read(target).resolve(V1) == artifact.manifest.digest


@pytest.mark.requirement("FR-029")
def test_a_foreign_tool_reads_the_copy(registry_host, tmp_path: Path, opened: Opened, repository):
    artifact = image(b"one", b"two")
    skopeo.push(registry_host, repository, artifact, "v1.0.0")
    with docker_registry(tmp_path) as other:
        mirror = mirror_to(opened(registry_host, repository), opened(other.host, repository))

        copied(mirror, artifact.manifest, V1)

        said = skopeo.inspect(other.host, repository, "v1.0.0")
    assert said["Digest"] == str(artifact.manifest.digest)
    assert len(said["Layers"]) == 2


def test_a_directory_carries_an_artifact_over_an_air_gap(place: Place, tmp_path: Path, target):
    whole = push_signed(place)
    disk = tmp_path / "disk"
    copied(mirror_to(place.registry, disk), whole.manifest, V1)

    copied(mirror_to(LayoutRegistry(disk), target), whole.manifest, V1)

    there = read(target)
    assert there.resolve(V1) == whole.manifest.digest
    assert there.resolve(Tag(signature_tag(whole))) is not None
    assert len(there.referrers(whole.manifest.digest, SBOM)) == 1


def test_a_mutable_tag_moves(place: Place, target):
    one, two = image(b"one"), image(b"two")
    place.push(one, "v1.0.0")
    place.push(two, "v2.0.0")
    mirror, latest = mirror_to(place.registry, target), Tag("latest-prod")
    for artifact in (one, two):
        found = mirror.copy(artifact.manifest)
        mirror.publish((found,), [TagCopy(latest, artifact.manifest, immutable=False)])

    assert read(target).resolve(latest) == two.manifest.digest


def test_statement_of_the_current_state_is_not_copied(place: Place, target) -> None:
    """Nothing would withdraw it from the copy."""
    artifact = image(b"artifact")
    place.push(artifact, "v1.0.0")
    for kind in ("promotion", "current"):
        annotations = {PREDICATE_TYPE: predicate_type(kind, "prod")}
        attached = referrer(artifact.manifest, BUNDLE_V03, kind.encode(), annotations)
        place.push(attached, None)
        list_referrer(place.registry, attached.manifest)

    copied(mirror_to(place.registry, target), artifact.manifest, V1)

    found = read(target).referrers(artifact.manifest.digest)
    manifests = [read(target).fetch(Digest(each.digest)) for each in found]
    kinds = [each.view.annotations.get(PREDICATE_TYPE) for each in manifests if each]
    assert kinds == [predicate_type("promotion", "prod")]
