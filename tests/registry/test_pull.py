"""Artifacts as other tools push them, pulled into a directory; hostile names are refused."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAnswerError, UsageError
from engine.domain.layer_paths import TITLE
from engine.domain.manifest import Manifest
from engine.download import pull
from engine.ports import NO_PROGRESS
from tests.builders import IMAGE_LAYER, Artifact, descriptor, image
from tests.conftest import Place
from tests.peers import oci_layout, skopeo
from tests.peers.go import peer
from tests.secondaries.mirrors import Opened, with_layers

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def titled(*layers: tuple[str, bytes]) -> Artifact:
    """An artifact whose layers have these titles."""
    described: list[dict[str, Any]] = [
        descriptor(content, IMAGE_LAYER, annotations={TITLE: title}) for title, content in layers
    ]
    made = with_layers(b"{}", *described)
    return Artifact(made.manifest, (b"{}", *(content for _, content in layers)))


def files_in(folder: Path) -> dict[str, bytes]:
    """All files below `folder` but for the manifest."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    found.pop("manifest.json")
    return found


@pytest.fixture
def layout(tmp_path: Path) -> LayoutRegistry:
    return LayoutRegistry.create(tmp_path / "registry")


def test_an_empty_layer_that_comes_twice_is_one_file(
    registry_host: str, repository: str, opened: Opened, tmp_path: Path
):
    # As BuildKit pushes an image whose instructions add no files.
    skopeo.push(registry_host, repository, image(b"", b"layer", b""), "v1.0.0")
    registry = opened(registry_host, repository)

    pull(registry, fetched(registry), tmp_path / "out", NO_PROGRESS)

    assert sorted(files_in(tmp_path / "out").values()) == [b"", b"layer"]


def test_files_that_oras_pushed_from_directories_come_back_in_them(
    registry_host: str, repository: str, opened: Opened, tmp_path: Path
):
    pushed = {"config/app.yaml": b"a: 1", "config/deep/er.yaml": b"b: 2", "top.txt": b"top"}
    for name, content in pushed.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    command = [peer("oras"), "push", "--plain-http", f"{registry_host}/{repository}:v1.0.0"]
    subprocess.run(
        [*command, *pushed], cwd=tmp_path / "in", check=True, capture_output=True, timeout=60
    )
    registry = opened(registry_host, repository)

    pull(registry, fetched(registry), tmp_path / "out", NO_PROGRESS)

    assert files_in(tmp_path / "out") == pushed


def test_one_digest_with_two_titles_is_two_files(place: Place, tmp_path: Path):
    artifact = titled(("a.txt", b"same"), ("b/c.txt", b"same"), ("a.txt", b"same"))
    place.push(artifact, "v1.0.0")

    pull(place.registry, artifact.manifest, tmp_path / "out", NO_PROGRESS)

    assert files_in(tmp_path / "out") == {"a.txt": b"same", "b/c.txt": b"same"}


@pytest.mark.parametrize(
    "title",
    [
        "../outside",
        "a/../../outside",
        "a/./b",
        "/etc/passwd",
        "a//b",
        "a/",
        "..",
        ".",
        "a\\b",
        "..\\outside",
        "C:/windows",
        "c:autoexec.bat",
        "a\0b",
        "a\nb",
        "x" * 256,
        "ä" * 128,
        "/".join(["x"] * 600),
    ],
)
def test_a_hostile_title_is_refused_before_anything_is_written(
    layout: LayoutRegistry, tmp_path: Path, title: str
):
    artifact = titled(("good.txt", b"good"), (title, b"layer"))
    oci_layout.write(tmp_path / "registry", artifact, "v1.0.0")

    with pytest.raises(UsageError, match="not a safe relative path"):
        pull(layout, artifact.manifest, tmp_path / "new" / "out", NO_PROGRESS)

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "titles",
    [
        ("a", "a"),
        ("a", "A"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a/b", "A"),
        ("a/b", "A/c"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"),
        ("manifest.json", "b"),
        ("MANIFEST.json", "b"),
        ("manifest.json/a", "b"),
    ],
)
def test_layers_that_cannot_be_files_beside_each_other_are_refused(
    layout: LayoutRegistry, tmp_path: Path, titles: tuple[str, str]
):
    artifact = titled((titles[0], b"one"), (titles[1], b"two"))
    oci_layout.write(tmp_path / "registry", artifact, "v1.0.0")

    with pytest.raises(UsageError, match="cannot be files in one directory"):
        pull(layout, artifact.manifest, tmp_path / "new" / "out", NO_PROGRESS)

    assert not (tmp_path / "new").exists()


def test_nothing_is_left_when_a_later_layer_is_missing(layout: LayoutRegistry, tmp_path: Path):
    artifact = titled(("config/a", b"a"), ("config/b", b"b"))
    oci_layout.write(tmp_path / "registry", Artifact(artifact.manifest, (b"{}", b"a")), "v1.0.0")

    with pytest.raises(RegistryAnswerError, match="does not have the blob"):
        pull(layout, artifact.manifest, tmp_path / "new" / "out", NO_PROGRESS)

    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "extra"),
    [(FOREIGN, {}), (IMAGE_LAYER, {"urls": ["https://elsewhere.example.com/layer"]})],
)
def test_a_foreign_layer_is_pulled_where_the_registry_has_it_and_else_named(
    place: Place, tmp_path: Path, kind: str, extra: dict[str, object]
):
    here, absent = (
        descriptor(content, kind, annotations={TITLE: title}, **extra)
        for title, content in (("here", b"here"), ("win/absent", b"absent"))
    )
    made = with_layers(b"{}", here, absent)
    place.push(image(b"here"), None)

    left_out = pull(place.registry, made.manifest, tmp_path / "out", NO_PROGRESS)

    assert left_out == ("win/absent",)
    assert files_in(tmp_path / "out") == {"here": b"here"}


def fetched(registry: Any) -> Manifest:
    found = registry.fetch(Tag("v1.0.0"))
    assert isinstance(found, Manifest)
    return found
