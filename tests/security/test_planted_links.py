"""Symbolic links in a layout or a pull directory are not followed."""

import json
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.errors import PromotionError
from engine.download import pull
from engine.ports import NO_PROGRESS
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

LAYER = b"what was published"
ARTIFACT = image(LAYER)
SECRET = "canary of another file"


def planted(folder: Path) -> LayoutRegistry:
    """A layout with a layer that is a link to a private file."""
    oci_layout.write(folder / "registry", ARTIFACT, "v1.0.0-dev")
    [layer] = [b for b in (folder / "registry/blobs/sha256").iterdir() if b.read_bytes() == LAYER]
    (folder / "secret").write_text(SECRET)
    layer.unlink()
    layer.symlink_to(folder / "secret")
    return LayoutRegistry(folder / "registry")


def test_layer_that_links_to_another_file_is_not_read(tmp_path: Path) -> None:
    registry = planted(tmp_path)

    with pytest.raises(PromotionError) as refused:
        pull(registry, ARTIFACT.manifest, tmp_path / "out", NO_PROGRESS)

    assert SECRET not in str(refused.value)
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.rglob(".floe-*")]


@pytest.mark.parametrize("there", [True, False])
def test_link_in_the_pull_directory_is_not_followed(tmp_path: Path, there: bool) -> None:
    oci_layout.write(tmp_path / "registry", ARTIFACT, "v1.0.0-dev")
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.mkdir()
    (tmp_path / "out").symlink_to(elsewhere)

    with pytest.raises(PromotionError, match="cannot be written"):
        pull(
            LayoutRegistry(tmp_path / "registry"), ARTIFACT.manifest, tmp_path / "out", NO_PROGRESS
        )

    assert (list(elsewhere.iterdir()) if there else elsewhere.exists()) in ([], False)


def test_target_of_a_linked_index_is_not_written(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", ARTIFACT, "v1.0.0-dev")
    index, elsewhere = tmp_path / "registry/index.json", tmp_path / "elsewhere.json"
    index.rename(elsewhere)
    index.symlink_to(elsewhere)
    before = elsewhere.read_bytes()

    promoted = Floe.on("oci-layout:./registry", tmp_path).promote("v1.0.0", "staging")

    assert promoted.code == 0, promoted.err
    assert elsewhere.read_bytes() == before
    assert not index.is_symlink()
    assert len(json.loads(index.read_text())["manifests"]) > 1
