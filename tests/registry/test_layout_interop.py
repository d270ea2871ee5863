"""Interoperability of image layouts with skopeo and oras."""

import json
import subprocess
from pathlib import Path

import oras.layout
import oras.provider
import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import Manifest
from tests.builders import Artifact, image, index, referrer, shapes
from tests.peers import oci_layout, raw


def skopeo(*arguments: str) -> bytes:
    command = ["skopeo", "--insecure-policy", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def skopeo_copies(artifact: Artifact, source: Path, root: Path, tag: str) -> None:
    """skopeo writes `artifact` into the layout at `root`; `source` is a place to take it from."""
    oci_layout.write(source, artifact, "it")
    skopeo("copy", "-q", "--all", "--preserve-digests", f"oci:{source}:it", f"oci:{root}:{tag}")


@pytest.mark.parametrize("shape", shapes())
def test_what_skopeo_wrote_is_read_and_promoted_byte_for_byte(tmp_path, shape):
    artifact = shapes()[shape]
    skopeo_copies(artifact, tmp_path / "source", tmp_path / "registry", "v1.0.0")
    registry = LayoutRegistry(tmp_path / "registry")

    found = registry.fetch(Tag("v1.0.0"))
    assert found == artifact.manifest
    registry.put(found, Tag("v1.0.0-dev"))

    said = skopeo("inspect", "--raw", f"oci:{tmp_path}/registry:v1.0.0-dev")
    assert Digest.of(said) == artifact.manifest.digest
    assert registry.tags() == (Tag("v1.0.0"), Tag("v1.0.0-dev"))


def test_skopeo_copies_a_promoted_tag_out_again(tmp_path):
    artifact = image(b"content", indent=2)
    registry = LayoutRegistry.create(tmp_path / "registry")
    for blob in artifact.blobs:
        registry.open_upload().finish(blob)
    registry.put(artifact.manifest, Tag("v1-prod"))

    skopeo(
        "copy",
        "--preserve-digests",
        f"oci:{tmp_path}/registry:v1-prod",
        f"oci:{tmp_path}/elsewhere:v1",
    )

    assert LayoutRegistry(tmp_path / "elsewhere").fetch(Tag("v1")) == artifact.manifest


def test_skopeo_writing_into_our_layout_keeps_our_tags_and_referrers(tmp_path):
    artifact = image(b"content")
    registry = LayoutRegistry.create(tmp_path / "registry")
    skopeo_copies(artifact, tmp_path / "source", tmp_path / "registry", "v1.0.0")
    record = referrer(artifact.manifest, "application/vnd.example.record")
    for blob in record.blobs:
        registry.open_upload().finish(blob)
    for tag in ("v1.0.0-dev", "latest-dev"):
        registry.put(artifact.manifest, Tag(tag))
    registry.put(record.manifest, Tag("floe-head.dev"))

    skopeo_copies(image(b"next"), tmp_path / "source", tmp_path / "registry", "v1.1.0")
    skopeo_copies(artifact, tmp_path / "source", tmp_path / "registry", "v1.0.0")

    assert {str(tag) for tag in registry.tags()} == {
        "v1.0.0",
        "v1.0.0-dev",
        "v1.1.0",
        "latest-dev",
        "floe-head.dev",
    }
    assert registry.resolve(Tag("latest-dev")) == artifact.manifest.digest
    (found,) = registry.referrers(artifact.manifest.digest)
    assert found.digest == str(record.manifest.digest)


def test_oras_reads_what_is_written_here(tmp_path):
    child = image(b"content")
    artifact = index(child)
    registry = LayoutRegistry.create(tmp_path / "registry")
    oci_layout.write(tmp_path / "registry", artifact, "v1")
    registry.put(artifact.manifest, Tag("v1-dev"))

    layout = oras.layout.NewLayout(str(tmp_path / "registry"))
    blobs = layout.get_ordered_blobs("v1-dev")

    assert blobs[-2:] == [str(child.manifest.digest), str(artifact.manifest.digest)]
    assert json.loads(layout.digest_to_blob_path(blobs[-1]).read_bytes())["schemaVersion"] == 2


def test_what_oras_pulled_into_a_layout_is_read(tmp_path, registry_host, repository):
    artifact = image(b"pulled")
    raw.push(registry_host, repository, artifact, "v1")
    client = oras.provider.Registry(insecure=True)

    oras.layout.NewLayoutFromRegistry(
        str(tmp_path / "pulled"), client, f"{registry_host}/{repository}:v1", "v1"
    )
    client.session.close()

    registry = LayoutRegistry(tmp_path / "pulled")
    assert registry.fetch(Tag("v1")) == Manifest(
        artifact.manifest.content, artifact.manifest.media_type
    )
    registry.put(artifact.manifest, Tag("v1-dev"))
    assert registry.tags() == (Tag("v1"), Tag("v1-dev"))
