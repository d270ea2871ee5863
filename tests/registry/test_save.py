"""Blobs written to files, on every kind of registry: checked, and in constant memory."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from engine.domain.errors import RegistryAnswerError, RegistryUnavailableError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.download import pull
from engine.ports import NO_PROGRESS
from tests.builders import descriptor, image
from tests.conftest import Place

ROOT = Path(__file__).parents[2]


def test_a_blob_is_written_as_it_is(place: Place):
    place.push(image(b"layer" * 1000), "v1.0.0")
    named = descriptor(b"layer" * 1000, "")
    file = BytesIO()

    place.registry.save(named["digest"], named["size"], file)

    assert file.getvalue() == b"layer" * 1000


@pytest.mark.parametrize("off", [-1, 1])
def test_another_size_than_the_descriptor_says_is_refused(place: Place, off: int):
    place.push(image(b"layer"), "v1.0.0")
    named = descriptor(b"layer", "")

    with pytest.raises(RegistryAnswerError):
        place.registry.save(named["digest"], named["size"] + off, BytesIO())


@pytest.mark.parametrize("digest", [descriptor(b"nowhere", "")["digest"], "sha256:../../etc", "x"])
def test_what_is_not_there_is_an_error(place: Place, digest: str):
    with pytest.raises(RegistryAnswerError):
        place.registry.save(digest, 7, BytesIO())


def test_a_blob_named_by_sha512_is_missing_and_no_accident(place: Place):
    place.push(image(b"layer"), "v1.0.0")

    with pytest.raises(RegistryAnswerError):
        place.registry.save(f"sha512:{'a' * 128}", 7, BytesIO())


@pytest.mark.parametrize("content", [b"[]", b'{"schemaVersion": 2, "layers": 3}', b"\xff"])
def test_what_is_no_oci_manifest_is_not_pulled(place: Place, tmp_path: Path, content: bytes):
    with pytest.raises(RegistryAnswerError, match="is not an OCI manifest"):
        pull(place.registry, Manifest(content, IMAGE_MANIFEST), tmp_path / "out", NO_PROGRESS)
    assert not (tmp_path / "out").exists()


def test_a_target_that_cannot_be_made_is_an_error_in_words(place: Place, tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(RegistryUnavailableError, match="file/below/out' cannot be written"):
        pull(place.registry, image(b"layer").manifest, tmp_path / "file/below/out", NO_PROGRESS)


def test_a_large_layer_is_pulled_without_being_held(tmp_path: Path):
    code = """
import hashlib, resource, sys
from pathlib import Path
from engine.adapters.registry.layout.registry import LayoutRegistry
root = Path(sys.argv[1])
LayoutRegistry.create(root)
block, digest = bytes(1 << 20), hashlib.sha256()
with (root / "blob").open("wb") as file:
    for _ in range(96):
        file.write(block)
        digest.update(block)
(root / "blob").rename(root / "blobs/sha256" / digest.hexdigest())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with (root / "out").open("w+b") as out:
    LayoutRegistry(root).save("sha256:" + digest.hexdigest(), 96 << 20, out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "layout")]
    grown = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert int(grown.stdout) < 32 * 1024
