"""The content that is read for a comparison, and the reasons for the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.compliance import COMPILED
from engine.domain.errors import RegistryError
from engine.domain.impact.analysis import impact_analysis
from engine.domain.impact.content import Content, named_layers, read_content
from engine.domain.manifest import Manifest
from tests.builders import Artifact, descriptor, image, index
from tests.conftest import Place
from tests.domain.impact_contents import NOW, content
from tests.peers import oci_layout

TAR = "application/vnd.oci.image.layer.v1.tar+gzip"
TITLE = "org.opencontainers.image.title"
Layer = tuple[bytes, str, str | None]


def artifact(*layers: Layer) -> Artifact:
    """Build an image from layers of content, media type and title."""
    described = [
        descriptor(blob, media_type, **({"annotations": {TITLE: title}} if title else {}))
        for blob, media_type, title in layers
    ]
    return image(*(blob for blob, _, _ in layers), layers=described)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Artifact], Content]:
    """Write an artifact into an image layout and read its content."""
    root = tmp_path / "registry"
    registry = LayoutRegistry.create(root)

    def written_and_read(written: Artifact) -> Content:
        oci_layout.write(root, written)
        return read_content(written.manifest, registry.blob)

    return written_and_read


@pytest.mark.requirement("FR-016")
def test_the_json_of_every_json_layer_is_read_from_any_registry(place: Place):
    pushed = artifact(
        (b'{"a": 1}', COMPILED, "compiled.json"),
        (b"[2]", "application/json; charset=utf-8", None),
        (b"tar", TAR, "app.tar"),
        (b"null", "Application/JSON", None),
    )
    place.push(pushed, "v1-dev")

    found = read_content(pushed.manifest, place.registry.blob)

    assert found.layers == {
        "compiled.json": {"a": 1},
        "application/json; charset=utf-8 #1": [2],
        "Application/JSON #1": None,
    }
    assert found.unread == {"app.tar": "not JSON"}


def test_layers_without_titles_or_with_the_same_are_numbered():
    view = artifact(
        (b"1", "application/json", None),
        (b"2", TAR, None),
        (b"3", "application/json", None),
        (b"4", "application/json", "x"),
        (b"5", "application/json", "x"),
        (b"6", "application/json", "x #2"),
    ).manifest.view

    names = tuple(named_layers(view))

    assert names == (
        "application/json #1",
        f"{TAR} #1",
        "application/json #2",
        "x",
        "x #2",
        "x #2 #2",
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (b"not json", "not JSON, although its media type says so"),
        (b"", "not JSON, although its media type says so"),
        (b"NaN", "not JSON, although its media type says so"),
        (b"\xff\xfe\xff", "not JSON, although its media type says so"),
        (b"1" * 5000, "not JSON, although its media type says so"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply to be read"),
        (json.dumps("x" * 1024 * 1024).encode(), "larger than 1 MiB (1048578 bytes)"),
    ],
    ids=["words", "empty", "NaN", "bytes", "endless number", "deep", "large"],
)
def test_layer_without_json_is_listed_with_the_reason(read, written, reason):
    found = read(artifact((written, "application/json", "x.json"), (b"{}", COMPILED, "y.json")))

    assert found.layers == {"y.json": {}}
    assert found.unread == {"x.json": reason}


def test_layers_up_to_one_mebibyte_are_read(read):
    text = "x" * (1024 * 1024 - 2)

    found = read(artifact((json.dumps(text).encode(), "application/json", "x.json")))

    assert found.layers == {"x.json": text}


def test_altered_or_missing_layer_is_listed_with_the_reason(tmp_path):
    written = artifact((b'{"a": 1}', COMPILED, "altered.json"), (b"{}", COMPILED, "lost.json"))
    registry = LayoutRegistry.create(tmp_path / "registry")
    oci_layout.write(tmp_path / "registry", written)
    altered, lost = (layer.digest.removeprefix("sha256:") for layer in written.manifest.view.layers)
    (tmp_path / "registry/blobs/sha256" / altered).write_bytes(b'{"a": 2}')
    (tmp_path / "registry/blobs/sha256" / lost).unlink()

    found = read_content(written.manifest, registry.blob)

    assert found.layers == {}
    assert set(found.unread) == {"altered.json", "lost.json"}
    assert altered in found.unread["altered.json"]
    assert lost in found.unread["lost.json"]


def test_layer_larger_than_its_descriptor_is_not_read(tmp_path):
    said = descriptor(b'{"a": 1}', COMPILED) | {"size": 2, "annotations": {TITLE: "x.json"}}
    written = image(b'{"a": 1}', layers=[said])
    registry = LayoutRegistry.create(tmp_path / "registry")
    oci_layout.write(tmp_path / "registry", written)

    found = read_content(written.manifest, registry.blob)

    assert found.layers == {}
    assert list(found.unread) == ["x.json"]


def test_unavailable_registry_is_an_error_and_no_unread_layer(opened):
    nobody = opened("127.0.0.1:9")

    with pytest.raises(RegistryError):
        read_content(artifact((b"{}", COMPILED, "x.json")).manifest, nobody.blob)


def test_at_most_64_layers_are_read(read):
    found = read(artifact(*((b"%d" % n, "application/json", f"{n}.json") for n in range(70))))

    assert len(found.layers) == 64
    assert found.unread["69.json"] == "over the limit of 64 layers and 16 MiB of JSON"


def test_at_most_16_mebibytes_are_read(read):
    mebibyte = json.dumps("x" * (1024 * 1024 - 2)).encode()

    found = read(artifact(*((mebibyte, "application/json", f"{n}.json") for n in range(17))))

    assert len(found.layers) == 16
    assert found.unread == {"16.json": "over the limit of 64 layers and 16 MiB of JSON"}


@pytest.mark.requirement("FR-016")
def test_only_different_layers_are_listed_as_not_compared(read):
    same, old, new = (b"same", TAR, "base.tar"), (b"old", TAR, "app.tar"), (b"new", TAR, "app.tar")

    found = impact_analysis(read(artifact(same, new)), read(artifact(same, old)), [], NOW)

    assert found.not_compared == ("layer app.tar: not JSON",)


def test_index_is_listed_as_not_compared(read):
    found = impact_analysis(read(index(image(b"x"))), content(x_json={}), [], NOW)

    assert found.not_compared == (
        "the current artifact: an index: the manifests that it lists are not read",
    )


def test_invalid_manifest_is_listed_as_not_compared():
    broken = Manifest(b'{"schemaVersion": "two"}', "application/json")

    found = read_content(broken, LayoutRegistry.blob)

    assert found.opaque
    assert "is not an OCI manifest: schemaVersion" in found.opaque
