"""The behaviour of every registry adapter."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryAnswerError
from engine.domain.manifest import IMAGE_MANIFEST, Descriptor, Manifest
from tests.builders import EMPTY_CONFIG, Artifact, image, referrer, shapes
from tests.conftest import Place

SHAPES = shapes()
RECORD = "application/vnd.floe.promotion.v1+json"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_manifest_is_read_byte_for_byte_by_tag_and_by_digest(place: Place, shape: str) -> None:
    artifact = SHAPES[shape]
    place.push(artifact, "v1.0.0")

    by_tag = place.registry.fetch(Tag("v1.0.0"))
    by_digest = place.registry.fetch(artifact.manifest.digest)

    assert by_tag == by_digest == artifact.manifest
    assert place.registry.resolve(Tag("v1.0.0")) == artifact.manifest.digest


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_tag_names_the_very_same_digest(place: Place, shape: str) -> None:
    artifact = SHAPES[shape]
    place.push(artifact, "v1.0.0")
    found = place.registry.fetch(Tag("v1.0.0"))
    assert found is not None

    place.registry.put(found, Tag("v1.0.0-dev"))

    assert place.registry.resolve(Tag("v1.0.0-dev")) == artifact.manifest.digest
    assert place.registry.fetch(Tag("v1.0.0-dev")) == artifact.manifest
    assert place.registry.resolve(Tag("v1.0.0")) == artifact.manifest.digest


@pytest.mark.requirement("FR-003")
def test_a_tag_can_be_moved(place: Place) -> None:
    old, new = image(b"old"), image(b"new")
    place.push(old, "latest-dev")
    place.push(new, "v2.0.0")

    place.registry.put(new.manifest, Tag("latest-dev"))

    assert place.registry.resolve(Tag("latest-dev")) == new.manifest.digest
    assert place.registry.fetch(old.manifest.digest) == old.manifest


def test_putting_what_is_there_already_changes_nothing(place: Place) -> None:
    artifact = image()
    place.push(artifact, "v1.0.0")

    place.registry.put(artifact.manifest, Tag("v1.0.0"))

    assert place.registry.resolve(Tag("v1.0.0")) == artifact.manifest.digest


def test_what_is_not_there_is_absent_and_no_error(place: Place) -> None:
    place.push(image(), "v1.0.0")

    assert place.registry.resolve(Tag("v9.9.9")) is None
    assert place.registry.fetch(Tag("v9.9.9")) is None
    assert place.registry.fetch(Digest.of(b"nothing")) is None
    assert place.registry.referrers(Digest.of(b"nothing")) == ()


def test_an_empty_repository_has_no_tags(place: Place) -> None:
    assert place.registry.tags() == ()
    assert place.registry.resolve(Tag("v1.0.0")) is None


def test_all_tags_are_listed(place: Place) -> None:
    names = {f"v1.0.{number}" for number in range(12)}
    for name in names:
        place.push(image(), name)

    tags = place.registry.tags()

    assert {tag.name for tag in tags} == names
    assert len(tags) == len(names)


def test_an_uploaded_blob_can_be_read_and_named_in_a_manifest(place: Place) -> None:
    content = b'{"hello": "world"}'

    stored = place.registry.open_upload().finish(content)
    manifest = _holding(stored)
    place.registry.put(manifest)

    assert stored.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (stored.size, stored.media_type) == (len(content), "application/octet-stream")
    assert place.registry.blob(stored.digest, len(content)) == content
    assert place.registry.fetch(manifest.digest) == manifest


def test_uploading_the_same_content_twice_is_the_same_as_once(place: Place) -> None:
    first = place.registry.open_upload().finish(b"same")
    second = place.registry.open_upload().finish(b"same")

    assert first == second


def test_an_upload_that_is_never_finished_leaves_nothing(place: Place) -> None:
    place.registry.open_upload()

    assert place.registry.tags() == ()
    with pytest.raises(RegistryAnswerError):
        place.registry.blob(str(Digest.of(b"")), 10)


def test_a_blob_larger_than_the_limit_is_refused(place: Place) -> None:
    stored = place.registry.open_upload().finish(b"x" * 1001)

    with pytest.raises(RegistryAnswerError, match="1000"):
        place.registry.blob(stored.digest, 1000)


@pytest.mark.parametrize(
    "digest", [str(Digest.of(b"absent")), "md5:abc", "sha256:../../etc/passwd", ""]
)
def test_a_blob_that_is_absent_or_cannot_be_named_is_an_error(place: Place, digest: str) -> None:
    place.push(image(), "v1.0.0")

    with pytest.raises(RegistryAnswerError):
        place.registry.blob(digest, 1000)


def test_absent_blob_and_wrong_blob_are_different_errors(place: Place) -> None:
    stored = place.registry.open_upload().finish(b"content")

    with pytest.raises(ContentMissingError):
        place.registry.blob(str(Digest.of(b"absent")), 10)
    with pytest.raises(RegistryAnswerError) as caught:
        place.registry.blob(stored.digest, 2)

    assert not isinstance(caught.value, ContentMissingError)


def test_attached_manifests_are_listed_with_type_and_annotations(place: Place) -> None:
    subject = image()
    place.push(subject, "v1.0.0")
    ours = referrer(subject.manifest, RECORD, b"1", {"dev.floe.kind": "promotion"})
    other = referrer(subject.manifest, "application/vnd.example+json", b"2")
    for attached in (ours, other):
        _attach(place, subject, attached)

    everything = place.registry.referrers(subject.manifest.digest)
    records = place.registry.referrers(subject.manifest.digest, RECORD)

    assert {entry.digest for entry in everything} == {_digest(ours), _digest(other)}
    assert [entry.digest for entry in records] == [_digest(ours)]
    assert records[0].artifact_type == RECORD
    assert records[0].annotations == {"dev.floe.kind": "promotion"}


def test_attaching_twice_lists_once(place: Place) -> None:
    subject = image()
    place.push(subject, "v1.0.0")
    ours = referrer(subject.manifest, RECORD)

    _attach(place, subject, ours)
    _attach(place, subject, ours)

    listed = place.registry.referrers(subject.manifest.digest)
    assert [entry.digest for entry in listed] == [_digest(ours)]


def test_attaching_leaves_the_artifact_as_it_is(place: Place) -> None:
    subject = image(indent=2)
    place.push(subject, "v1.0.0")

    _attach(place, subject, referrer(subject.manifest, RECORD))

    assert place.registry.fetch(Tag("v1.0.0")) == subject.manifest


def test_an_unknown_media_type_cannot_be_put(place: Place) -> None:
    manifest = Manifest(b'{"schemaVersion": 2}', "application/vnd.example.unheard+json")

    with pytest.raises(RegistryAnswerError):
        place.registry.put(manifest, Tag("v1.0.0"))

    assert place.registry.resolve(Tag("v1.0.0")) is None


def test_several_threads_read_and_write_at_once(place: Place) -> None:
    artifacts = [image(str(number).encode()) for number in range(16)]
    for number, artifact in enumerate(artifacts):
        place.push(artifact, f"v1.0.{number}")

    def promote(number: int) -> bool:
        found = place.registry.fetch(Tag(f"v1.0.{number}"))
        assert found is not None
        stored = place.registry.open_upload().finish(f"record {number}".encode())
        place.registry.put(found, Tag(f"v1.0.{number}-dev"))
        whole = place.registry.blob(stored.digest, 100) == f"record {number}".encode()
        return whole and place.registry.resolve(Tag(f"v1.0.{number}-dev")) == found.digest

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(promote, range(16)))

    assert all(done)
    assert len(place.registry.tags()) == 32


def _attach(place: Place, subject: Artifact, attached: Artifact) -> None:
    for blob in attached.blobs:
        place.registry.open_upload().finish(blob)
    place.registry.put(attached.manifest)
    entry = attached.manifest.descriptor.model_copy(
        update={
            "artifact_type": attached.manifest.artifact_type,
            "annotations": attached.manifest.view.annotations,
        }
    )
    place.registry.attach(subject.manifest.digest, entry)


def _digest(artifact: Artifact) -> str:
    return str(artifact.manifest.digest)


def _holding(blob: Descriptor) -> Manifest:
    layer = {"mediaType": "application/json", "digest": blob.digest, "size": blob.size}
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": layer | {"mediaType": EMPTY_CONFIG},
        "layers": [layer],
    }
    return Manifest(json.dumps(document).encode(), IMAGE_MANIFEST)
