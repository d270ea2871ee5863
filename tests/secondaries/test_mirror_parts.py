"""Artifacts with foreign layers or missing parts."""

import json

import pytest

from engine.domain.errors import (
    RegistryAnswerError,
)
from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, Manifest
from tests.builders import Artifact, descriptor, image, index
from tests.peers.docker_registry import docker_registry
from tests.secondaries.mirrors import (
    LAYER,
    NAMED,
    REPOSITORY,
    V1,
    Opened,
    blobs,
    copied,
    mirror_to,
    with_layers,
)

pytestmark = pytest.mark.requirement("FR-028")
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.mark.parametrize("media_type", [FOREIGN, DOCKER_FOREIGN])
def test_a_missing_foreign_layer_is_left_out(fake, secondary, opened: Opened, media_type: str):
    elsewhere = descriptor(b"elsewhere", media_type, urls=["https://example.com/layer"])
    made = with_layers(b"{}", elsewhere)
    fake.hold(REPOSITORY, made, "v1.0.0")

    copied(mirror_to(opened(fake.host), opened(secondary.host)), made.manifest, V1)

    assert blobs(secondary) == {descriptor(b"{}", "")["digest"]}
    assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(made.manifest.digest)}


def test_an_available_foreign_layer_is_copied(fake, secondary, opened: Opened):
    made = image(LAYER, layer_type=FOREIGN)
    fake.hold(REPOSITORY, made, "v1.0.0")

    copied(mirror_to(opened(fake.host), opened(secondary.host)), made.manifest, V1)

    assert NAMED["digest"] in blobs(secondary)


def test_a_missing_layer_is_an_error(fake, secondary, opened: Opened):
    made = with_layers(b"{}", NAMED)
    fake.hold(REPOSITORY, made, "v1.0.0")

    with pytest.raises(RegistryAnswerError, match="missing"):
        mirror_to(opened(fake.host), opened(secondary.host)).copy(made.manifest)


def test_an_index_with_a_missing_child_is_an_error(fake, secondary, opened: Opened):
    part = descriptor(b"gone", "application/vnd.oci.image.manifest.v1+json")
    content = json.dumps({"schemaVersion": 2, "manifests": [part]}).encode()
    made = Artifact(Manifest(content, IMAGE_INDEX))
    fake.hold(REPOSITORY, made, "v1.0.0")

    with pytest.raises(RegistryAnswerError, match="which an index lists"):
        mirror_to(opened(fake.host), opened(secondary.host)).copy(made.manifest)


def test_a_shared_layer_is_sent_once(fake, secondary, opened: Opened):
    made = index(image(LAYER, b"amd64"), image(LAYER, b"arm64"))
    fake.hold(REPOSITORY, made, "v1.0.0")

    copied(mirror_to(opened(fake.host), opened(secondary.host)), made.manifest, V1)

    sent = [request.body for request in secondary.seen("PUT", "/blobs/uploads/")]
    assert sent.count(LAYER) == 1


def test_a_nested_index_is_pushed_after_its_children(fake, tmp_path, opened: Opened):
    shared = image(b"shared")
    made = index(index(shared, image(b"inner")), shared)
    fake.hold(REPOSITORY, made, "v1.0.0")
    # docker-registry accepts an index only after the manifests that it lists.
    with docker_registry(tmp_path) as strict:
        target = opened(strict.host)

        copied(mirror_to(opened(fake.host), target), made.manifest, V1)

        assert target.resolve(V1) == made.manifest.digest


def test_wrongly_listed_referrers_are_not_copied(fake, secondary, artifact, opened: Opened):
    liar = image(b"unrelated")
    fake.hold(REPOSITORY, liar)
    entry = descriptor(liar.manifest.content, liar.manifest.media_type)
    listing = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    hex_tag = f"sha256-{artifact.manifest.digest.hex}"
    fake.hold(REPOSITORY, Artifact(Manifest(listing, IMAGE_INDEX)), hex_tag)

    copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert str(liar.manifest.digest) not in secondary.repository(REPOSITORY).manifests


def test_too_many_manifests_are_an_error(fake, secondary, opened: Opened):
    parts = [descriptor(f"{n}".encode(), IMAGE_MANIFEST) for n in range(2001)]
    content = json.dumps({"schemaVersion": 2, "manifests": parts}).encode()
    made = Artifact(Manifest(content, IMAGE_INDEX))
    fake.hold(REPOSITORY, made, "v1.0.0")

    with pytest.raises(RegistryAnswerError, match="more than 2000 manifests"):
        mirror_to(opened(fake.host), opened(secondary.host)).copy(made.manifest)

    assert fake.seen("GET", "/manifests/sha256:") == []
