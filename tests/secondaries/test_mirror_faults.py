"""Copies that fail: nothing becomes visible, and repeating continues."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    RegistryAnswerError,
    RegistryUnavailableError,
    TagExistsError,
)
from engine.ports.secondary import TagCopy
from tests.builders import descriptor, image
from tests.peers import oci_layout
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Cut, Reply
from tests.secondaries.mirrors import (
    LAYER,
    NAMED,
    REPOSITORY,
    SECTION,
    V1,
    Opened,
    blobs,
    copied,
    mirror_to,
)


@pytest.mark.requirement("FR-029")
def test_content_with_a_wrong_digest_is_not_copied(fake, secondary, artifact, opened: Opened):
    fake.repository(REPOSITORY).blobs[NAMED["digest"]] = b"LAYER" * 1000
    mirror = mirror_to(opened(fake.host), opened(secondary.host))

    with pytest.raises(RegistryAnswerError, match="does not match its digest"):
        mirror.copy(artifact.manifest)

    assert NAMED["digest"] not in blobs(secondary)
    assert secondary.repository(REPOSITORY).manifests == {}


@pytest.mark.parametrize("wrong", [LAYER[:-1], LAYER + b"x"], ids=["shorter", "longer"])
@pytest.mark.requirement("FR-029")
def test_content_with_a_wrong_size_is_not_copied(
    fake, secondary, artifact, opened: Opened, wrong: bytes
):
    fake.repository(REPOSITORY).blobs[NAMED["digest"]] = wrong
    mirror = mirror_to(opened(fake.host), opened(secondary.host))

    with pytest.raises(RegistryAnswerError, match="does not have the 5000 bytes"):
        mirror.copy(artifact.manifest)

    assert NAMED["digest"] not in blobs(secondary)


@pytest.mark.requirement("FR-029")
def test_wrong_bytes_leave_nothing_in_a_directory(fake, artifact, tmp_path: Path, opened: Opened):
    fake.repository(REPOSITORY).blobs[NAMED["digest"]] = b"LAYER" * 1000

    with pytest.raises(RegistryAnswerError):
        mirror_to(opened(fake.host), tmp_path / "disk").copy(artifact.manifest)

    kept = list((tmp_path / "disk" / "blobs" / "sha256").iterdir())
    assert all(Digest.of(path.read_bytes()).hex == path.name for path in kept)
    assert Digest(NAMED["digest"]).hex not in [path.name for path in kept]


@pytest.mark.requirement("FR-029")
def test_a_registry_that_stores_other_content_is_detected(
    fake, secondary, artifact, opened: Opened
):
    secondary.behaviour.corrupt = lambda content: content + b"!"

    with pytest.raises(RegistryAnswerError, match="changes content"):
        mirror_to(opened(fake.host), opened(secondary.host)).copy(artifact.manifest)


@pytest.mark.requirement("FR-029")
def test_a_registry_that_loses_content_is_detected(fake, secondary, artifact, opened: Opened):
    secondary.always("PUT", "/manifests/", Reply(201))

    with pytest.raises(RegistryAnswerError, match="does not have it"):
        mirror_to(opened(fake.host), opened(secondary.host)).copy(artifact.manifest)


def test_a_broken_upload_is_retried_once(fake, secondary, artifact, opened: Opened):
    secondary.script("PUT", "/blobs/uploads/", Cut.BEFORE)

    copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(artifact.manifest.digest)}


def test_an_interrupted_copy_continues_with_missing_content(
    fake, secondary, artifact, opened: Opened
):
    mirror = mirror_to(opened(fake.host), opened(secondary.host, timeout_seconds=0.5))
    # The largest goes first: it is the one that arrives.
    secondary.cut_write(3, Cut.BEFORE, then_gone=True)
    with pytest.raises(RegistryUnavailableError):
        mirror.copy(artifact.manifest)
    arrived = blobs(secondary)
    secondary.back()
    secondary.requests.clear()

    copied(mirror, artifact.manifest, V1)

    sent = [request.body for request in secondary.seen("PUT", "/blobs/uploads/")]
    assert len(sent) == 3 - len(arrived)
    assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(artifact.manifest.digest)}


def test_an_error_of_a_secondary_names_its_section(
    fake, secondary, artifact, opened: Opened, tmp_path: Path
):
    with docker_registry(tmp_path) as gone:
        pass

    with pytest.raises(RegistryUnavailableError, match=gone.host) as raised:
        mirror_to(opened(fake.host), opened(gone.host)).copy(artifact.manifest)

    assert f"{SECTION}.uri" in str(raised.value)


def test_a_primary_that_dies_in_the_middle_leaves_nothing_visible(
    fake, secondary, artifact, opened: Opened
):
    fake.always("GET", "/blobs/", Cut.BEFORE)
    mirror = mirror_to(opened(fake.host, timeout_seconds=0.5), opened(secondary.host))

    with pytest.raises(RegistryUnavailableError, match=fake.host):
        mirror.copy(artifact.manifest)

    there = secondary.repository(REPOSITORY)
    assert (there.tags, there.manifests, there.blobs) == ({}, {}, {})


@pytest.mark.requirement("FR-029")
def test_an_immutable_tag_with_another_manifest_is_not_moved(
    fake, secondary, artifact, opened: Opened
):
    other = image(b"somebody else's")
    secondary.hold(REPOSITORY, other, "v1.0.0")

    with pytest.raises(TagExistsError, match="another writer created it"):
        copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(other.manifest.digest)}


def test_a_registry_that_refuses_to_move_tags_is_reported(
    fake, secondary, artifact, opened: Opened
):
    secondary.hold(REPOSITORY, image(b"old"), "latest-prod")
    secondary.behaviour.immutable = Reply(412)
    mirror = mirror_to(opened(fake.host), opened(secondary.host))
    found = mirror.copy(artifact.manifest)

    with pytest.raises(TagExistsError, match="exempt it from the registry's immutability rule"):
        mirror.publish((found,), [TagCopy(Tag("latest-prod"), artifact.manifest, immutable=False)])


@pytest.mark.requirement("FR-029")
def test_a_registry_that_loses_a_tag_is_detected(fake, secondary, artifact, opened: Opened):
    secondary.always("PUT", "/manifests/v1.0.0", Reply(201))

    with pytest.raises(RegistryAnswerError, match="the tag is missing"):
        copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)


def test_a_layout_on_an_unmounted_disk_is_not_created(fake, artifact, tmp_path, opened: Opened):
    with pytest.raises(RegistryUnavailableError, match="mount its disk"):
        mirror_to(opened(fake.host), tmp_path / "disk" / "floe").copy(artifact.manifest)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_blob(tmp_path: Path):
    code = """
import resource, sys
from pathlib import Path
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryUnavailableError
from tests.secondaries.mirrors import mirror_to
source = LayoutRegistry(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
try:
    mirror_to(source, Path(sys.argv[2])).copy(source.fetch(Tag("v1.0.0")))
except RegistryUnavailableError as error:
    print(error)
"""
    large = image(b"x" * 200_000)
    oci_layout.write(tmp_path / "source", large, "v1.0.0")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-B", "-c", code, str(tmp_path / "source"), str(tmp_path / "disk")]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60)

    assert "raise the limit on the size of files" in said.stdout
    names = {path.name for path in (tmp_path / "disk" / "blobs" / "sha256").iterdir()}
    assert names <= {descriptor(b"{}", "")["digest"].removeprefix("sha256:")}
    assert LayoutRegistry(tmp_path / "disk").tags() == ()
