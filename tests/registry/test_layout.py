"""The image layout on disk: opening, creating, tagging and invalid layouts."""

import json
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAnswerError, RegistryUnavailableError
from tests.builders import image, index
from tests.peers import oci_layout
from tests.registry.layouts import blob_path, entry, list_also, listed, named


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty layout."""
    LayoutRegistry.create(tmp_path / "registry")
    return tmp_path / "registry"


def test_reading_a_missing_layout_is_an_error_and_creates_nothing(tmp_path):
    registry = LayoutRegistry(tmp_path / "registri")

    with pytest.raises(
        RegistryUnavailableError, match=r"no image layout at .*registri: publish into it"
    ):
        registry.tags()

    assert list(tmp_path.iterdir()) == []


def test_writing_into_a_missing_layout_is_an_error(tmp_path):
    registry = LayoutRegistry(tmp_path / "registri")

    with pytest.raises(RegistryUnavailableError, match="no image layout"):
        registry.open_upload()
    with pytest.raises(RegistryUnavailableError, match="no image layout"):
        registry.put(image().manifest, Tag("v1"))

    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_other_files_is_rejected(tmp_path):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(RegistryAnswerError, match="is not an OCI image layout"):
        LayoutRegistry(tmp_path).resolve(Tag("v1"))
    with pytest.raises(RegistryAnswerError, match="is not an OCI image layout"):
        LayoutRegistry(tmp_path).put(image().manifest)
    with pytest.raises(RegistryAnswerError, match="use an empty directory"):
        LayoutRegistry.create(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_rejected_as_layout(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RegistryAnswerError, match="is not an OCI image layout"):
        LayoutRegistry(tmp_path / "file").tags()


def test_create_makes_an_empty_layout_once(tmp_path):
    root = tmp_path / "deep" / "registry"

    LayoutRegistry.create(root).put(image().manifest, Tag("v1"))
    again = LayoutRegistry.create(root)

    assert json.loads((root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert again.tags() == (Tag("v1"),)
    assert again.reference == str(root)


def test_create_completes_a_layout_after_a_crash(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / ".floe").mkdir()

    registry = LayoutRegistry.create(tmp_path)

    assert registry.tags() == ()


def test_opening_and_reading_write_nothing(root):
    artifact = image()
    oci_layout.write(root, artifact, "v1")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))

    registry = LayoutRegistry(root)
    registry.fetch(Tag("v1"))
    registry.referrers(artifact.manifest.digest)
    registry.tags()

    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff\xfe", "decode"),
        (b"[]", "schemaVersion 2"),
        (b'{"schemaVersion": 1, "manifests": []}', "schemaVersion 2"),
        (b'{"schemaVersion": 2, "manifests": {"a": 1}}', "not a list"),
        (b'{"schemaVersion": 2, "manifests": [7]}', r"manifests\[0\] has no digest"),
        (b'{"schemaVersion": 2, "manifests": [{"digest": 1}]}', r"manifests\[0\] has no digest"),
        (
            b'{"schemaVersion": 2, "manifests": [{"digest": "", "annotations": {"a": 1}}]}',
            "not a map of strings",
        ),
        (b'{"schemaVersion": 2, "size": 1e999, "manifests": []}', "1e999 is not"),
        (b'{"schemaVersion": 2, "size": NaN, "manifests": []}', "NaN is not"),
        (b"[" * 100_000, "nested too deep"),
        (b"9" * 5000, "digits"),
    ],
)
def test_a_corrupt_index_is_an_answer_error(root, content, fact):
    (root / "index.json").write_bytes(content)

    with pytest.raises(RegistryAnswerError, match=rf"is not the index of .*{fact}"):
        LayoutRegistry(root).tags()
    with pytest.raises(RegistryAnswerError, match=fact):
        LayoutRegistry(root).put(image().manifest, Tag("v1"))

    assert (root / "index.json").read_bytes() == content


def test_a_huge_index_is_not_read(root):
    with (root / "index.json").open("r+b") as file:
        file.truncate(10**12)

    with pytest.raises(RegistryAnswerError, match="is larger than"):
        LayoutRegistry(root).tags()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"imageLayoutVersion": "2.0.0"}'])
def test_a_layout_of_another_version_is_rejected(root, content):
    (root / "oci-layout").write_bytes(content)

    with pytest.raises(RegistryAnswerError, match="oci-layout|is not supported"):
        LayoutRegistry(root).tags()


def test_entries_of_other_tools_are_kept_unchanged(root):
    foreign = [
        {**named(image(b"a"), "v0"), "platform": {"os": "linux"}, "x": [1.5, None, "\ud800"]},
        entry(image(b"b")),
        {"mediaType": "application/xml", "size": 3, "digest": "sha512:abc", "urls": []},
        entry(image(b"c"), annotations=None),
        named(image(b"d"), "docker.io/library/alpine:3.18"),
        entry(index(image(b"e"))),
    ]
    list_also(root, *foreign, annotations={"made-by": "hand"})

    registry = LayoutRegistry(root)
    registry.put(image(b"new").manifest, Tag("v1"))
    registry.put(image(b"newer").manifest, Tag("v1"))

    document = json.loads((root / "index.json").read_text())
    assert document["manifests"][: len(foreign)] == foreign
    assert document["annotations"] == {"made-by": "hand"}
    assert registry.tags() == (Tag("v0"), Tag("v1"))


def test_a_moved_tag_leaves_its_old_manifest_listed_without_a_name(root):
    old = image(b"old")
    list_also(root, {**named(old, "latest-dev"), "platform": {"os": "linux"}})
    blob_path(root, old.manifest.content).write_bytes(old.manifest.content)

    registry = LayoutRegistry(root)
    registry.put(image(b"new").manifest, Tag("latest-dev"))

    assert entry(old, platform={"os": "linux"}) in listed(root)
    assert registry.resolve(Tag("latest-dev")) == image(b"new").manifest.digest
    assert registry.fetch(old.manifest.digest) == old.manifest


def test_a_tag_that_moves_often_does_not_make_the_index_grow(root):
    registry = LayoutRegistry(root)
    versions = [image(b"one"), image(b"two")]
    for number, version in enumerate(versions):
        registry.put(version.manifest, Tag(f"v{number}-dev"))

    for number in range(20):
        registry.put(versions[number % 2].manifest, Tag("latest-dev"))

    assert len(listed(root)) == 3


def test_a_tag_on_two_manifests_is_an_error(root):
    list_also(root, named(image(b"a"), "v1"), named(image(b"b"), "v1"))

    with pytest.raises(RegistryAnswerError, match="has 2 manifests with the tag v1"):
        LayoutRegistry(root).resolve(Tag("v1"))


def test_a_tag_with_another_digest_algorithm_is_an_error(root):
    list_also(root, {**named(image(), "v1"), "digest": "sha512:" + "a" * 128})

    with pytest.raises(RegistryAnswerError, match="tag v1: not a sha256 digest"):
        LayoutRegistry(root).resolve(Tag("v1"))
