"""Referrers in an image layout: annotated by floe, searched for other tools."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import Manifest
from tests.builders import Artifact, image, index, referrer
from tests.peers import oci_layout

SUBJECT = image(b"subject")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A layout that holds the subject."""
    LayoutRegistry.create(tmp_path / "registry")
    oci_layout.write(tmp_path / "registry", SUBJECT, "v1")
    return tmp_path / "registry"


def digests(root: Path, artifact_type: str | None = None) -> list[str]:
    found = LayoutRegistry(root).referrers(SUBJECT.manifest.digest, artifact_type)
    return [descriptor.digest for descriptor in found]


def signature(content: bytes = b"{}") -> Artifact:
    return referrer(SUBJECT.manifest, "application/vnd.example.signature", content, {"k": "v"})


def entry_of(root: Path, manifest: Manifest) -> dict[str, Any]:
    entries: list[dict[str, Any]] = json.loads((root / "index.json").read_text())["manifests"]
    return next(entry for entry in entries if entry["digest"] == str(manifest.digest))


def test_the_index_entry_of_a_referrer_has_its_subject(root):
    record = signature()

    LayoutRegistry(root).put(record.manifest, Tag("floe-ledger.dev.1"))

    entry = entry_of(root, record.manifest)
    assert entry["artifactType"] == "application/vnd.example.signature"
    assert entry["annotations"]["dev.floe.subject"] == str(SUBJECT.manifest.digest)
    assert digests(root) == [str(record.manifest.digest)]


def test_entries_with_another_subject_are_not_read(root):
    registry = LayoutRegistry(root)
    other = referrer(image(b"other").manifest, "application/vnd.example.signature")
    registry.put(other.manifest)
    registry.put(image(b"artifact").manifest, Tag("v2"))
    for manifest in (other.manifest, image(b"artifact").manifest):
        (root / "blobs" / "sha256" / manifest.digest.hex).unlink()

    found = registry.referrers(SUBJECT.manifest.digest)

    assert found == ()


def test_the_subject_annotation_is_verified(root):
    other = referrer(image(b"other").manifest, "application/vnd.example.signature")
    LayoutRegistry(root).put(other.manifest)
    index_json = root / "index.json"
    lie = index_json.read_text().replace(
        str(image(b"other").manifest.digest), str(SUBJECT.manifest.digest)
    )
    index_json.write_text(lie)

    assert digests(root) == []


@pytest.mark.parametrize("digest", ["x", f"sha512:{'a' * 128}"])
def test_a_subject_annotation_on_an_unsupported_digest_is_an_error(root: Path, digest: str):
    record = signature()
    LayoutRegistry(root).put(record.manifest)
    index_json = root / "index.json"
    index_json.write_text(index_json.read_text().replace(str(record.manifest.digest), digest))

    with pytest.raises(RegistryAnswerError, match="not a sha256 digest"):
        digests(root)


def test_a_referrer_another_tool_attached_is_found_with_type_and_annotations(root):
    oci_layout.write(root, signature())

    (found,) = LayoutRegistry(root).referrers(SUBJECT.manifest.digest)

    assert found.digest == str(signature().manifest.digest)
    assert found.artifact_type == "application/vnd.example.signature"
    assert found.annotations == {"k": "v"}
    assert digests(root, "application/vnd.example.signature") == [found.digest]
    assert digests(root, "application/vnd.example.sbom") == []


def test_a_referrer_in_an_index_within_the_index_is_found(root):
    # The tag-schema fallback after it was copied into a layout.
    fallback = index(index(signature()))
    oci_layout.write(root, fallback, f"sha256-{SUBJECT.manifest.digest.hex}")

    assert digests(root) == [str(signature().manifest.digest)]


def test_unreadable_foreign_manifests_do_not_hide_referrers(root):
    broken, absent = image(b"broken"), image(b"absent")
    for artifact in (broken, absent, signature()):
        oci_layout.write(root, artifact)
    (root / "blobs" / "sha256" / broken.manifest.digest.hex).write_bytes(b"{}")
    (root / "blobs" / "sha256" / absent.manifest.digest.hex).unlink()

    assert digests(root) == [str(signature().manifest.digest)]


def test_a_foreign_manifest_is_read_once(root):
    registry = LayoutRegistry(root)
    foreign = image(b"foreign")
    oci_layout.write(root, foreign)
    registry.referrers(SUBJECT.manifest.digest)
    path = root / "blobs" / "sha256" / foreign.manifest.digest.hex
    path.unlink()
    path.mkdir()  # Opening it again would be an error.

    found = registry.referrers(SUBJECT.manifest.digest)

    assert found == ()


def test_attach_lists_a_stored_manifest_without_an_entry(root):
    stored = signature()
    blobs = root / "blobs" / "sha256"
    (blobs / stored.manifest.digest.hex).write_bytes(stored.manifest.content)

    LayoutRegistry(root).attach(SUBJECT.manifest.digest, stored.manifest.descriptor)

    assert digests(root) == [str(stored.manifest.digest)]


def test_a_referrer_that_lost_its_tag_stays_one(root):
    registry = LayoutRegistry(root)
    first, second = signature(b"1"), signature(b"2")
    registry.put(first.manifest, Tag("floe-head.dev"))

    registry.put(second.manifest, Tag("floe-head.dev"))

    assert sorted(digests(root)) == sorted(
        [str(first.manifest.digest), str(second.manifest.digest)]
    )


def test_a_layout_of_30_000_entries_works(root):
    number = 30_000
    entries = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": str(Digest.of(str(place).encode())),
            "size": 400,
            "annotations": {"org.opencontainers.image.ref.name": f"v1.0.{place}"},
        }
        for place in range(number)
    ]
    document = json.loads((root / "index.json").read_text())
    document["manifests"] += entries
    (root / "index.json").write_text(json.dumps(document))
    registry = LayoutRegistry(root)

    started = time.monotonic()
    for place in range(10):
        registry.put(signature(str(place).encode()).manifest, Tag(f"floe-ledger.dev.{place}"))
    for place in range(2000):
        registry.resolve(Tag(f"v1.0.{place}"))

    assert len(registry.tags()) == number + 11
    assert len(digests(root)) == 10
    assert time.monotonic() - started < 60
