"""Manifests and blobs of an image layout are verified on every read."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest
from tests.builders import image, index
from tests.peers import oci_layout
from tests.registry.layouts import blob_path, list_also, listed, named


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty layout."""
    LayoutRegistry.create(tmp_path / "registry")
    return tmp_path / "registry"


@pytest.mark.parametrize(
    ("damage", "fact"),
    [
        (lambda path: path.write_bytes(b"other"), "altered content"),
        (lambda path: path.unlink(), "does not have it"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "altered content"),
        (lambda path: path.write_bytes(b"x" * (MAX_MANIFEST_BYTES + 1)), "larger than"),
    ],
)
def test_a_damaged_manifest_is_never_served(root, damage: Callable[[Path], object], fact):
    artifact = image()
    oci_layout.write(root, artifact, "v1")
    damage(blob_path(root, artifact.manifest.content))

    with pytest.raises(RegistryAnswerError, match=fact):
        LayoutRegistry(root).fetch(Tag("v1"))


def test_a_damaged_blob_is_never_served(root):
    oci_layout.write(root, image(b"layer"), "v1")
    blob_path(root, b"layer").write_bytes(b"reyal")

    with pytest.raises(RegistryAnswerError, match="altered content"):
        LayoutRegistry(root).blob(str(Digest.of(b"layer")), 100)


def test_uploading_again_repairs_damaged_content(root):
    registry = LayoutRegistry(root)
    registry.open_upload().finish(b"record")
    blob_path(root, b"record").write_bytes(b"rec")

    registry.open_upload().finish(b"record")

    assert registry.blob(str(Digest.of(b"record")), 100) == b"record"


def test_children_of_an_index_are_found_by_digest_with_their_media_type(root):
    child = image(b"arm64")
    oci_layout.write(root, index(child), "v1")

    found = LayoutRegistry(root).fetch(child.manifest.digest)

    assert found == Manifest(child.manifest.content, IMAGE_MANIFEST)


def test_a_missing_media_type_is_derived_from_the_content(root):
    plain = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    blob_path(root, plain).write_bytes(plain)
    list_also(root, {"digest": str(Digest.of(plain)), "size": len(plain)})

    found = LayoutRegistry(root).fetch(Digest.of(plain))

    assert found == Manifest(plain, IMAGE_INDEX)


def test_a_listing_that_contradicts_the_manifest_is_an_error(root):
    artifact = image()
    oci_layout.write(root, artifact)
    list_also(root, {**named(artifact, "v1"), "mediaType": IMAGE_INDEX})
    (root / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": listed(root)[-1:]})
    )

    with pytest.raises(RegistryAnswerError, match="its media type is"):
        LayoutRegistry(root).fetch(Tag("v1"))


def test_fetching_a_layer_returns_no_manifest(root):
    oci_layout.write(root, image(b'{"schemaVersion": 2}'), "v1")

    found = LayoutRegistry(root).fetch(Digest.of(b'{"schemaVersion": 2}'))

    assert found is None


def test_a_manifest_over_the_read_limit_is_not_stored(root):
    large = image(annotations={"note": "x" * MAX_MANIFEST_BYTES})

    with pytest.raises(RegistryAnswerError, match="at most 4194304 bytes"):
        LayoutRegistry(root).put(large.manifest, Tag("v1"))

    assert listed(root) == []
