"""Copies of large blobs in constant memory, and mounts on the same host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from tests.builders import IMAGE_LAYER, descriptor, image
from tests.peers import raw, skopeo
from tests.peers.docker_registry import docker_registry
from tests.secondaries.mirrors import V1, Opened, copied, mirror_to, with_layers

pytestmark = pytest.mark.requirement("FR-028")
ROOT = Path(__file__).parents[2]
LARGE = 192 * 1024 * 1024
COPY = """
import sys
from pathlib import Path
from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.domain.artifact import Tag
from tests.secondaries.mirrors import copied, mirror_to
source, target = sys.argv[1:]
def opened(host):
    return open_registry(host, "tests/large", credentials=anonymous, scheme="http")
primary = opened(source)
secondary = Path(target) if target.startswith("/") else opened(target)
copied(mirror_to(primary, secondary), primary.fetch(Tag("v1.0.0")), Tag("v1.0.0"))
print(Path("/proc/self/status").read_text())
"""


def test_memory_does_not_grow_with_a_blob(registry_host, tmp_path: Path):
    layer = bytes(LARGE)
    large = with_layers(b"{}", descriptor(layer, IMAGE_LAYER))
    raw.push_blob(registry_host, "tests/large", layer)
    raw.push(registry_host, "tests/large", large, "v1.0.0")

    with docker_registry(tmp_path) as other:
        for target in (other.host, str(tmp_path / "disk")):
            command = [sys.executable, "-c", COPY, registry_host, target]
            said = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100
            ).stdout
            found = re.search(r"VmHWM:\s+([0-9]+) kB", said)
            assert found is not None
            assert int(found[1]) < 100 * 1024

    assert LayoutRegistry(tmp_path / "disk").resolve(V1) == large.manifest.digest


def test_blobs_are_mounted_between_repositories_of_one_host(
    registry_host, opened: Opened, repository
):
    artifact = image(b"one", b"two")
    skopeo.push(registry_host, repository, artifact, "v1.0.0")
    asked: list[tuple[str, str]] = []
    target = opened(
        registry_host, f"{repository}/mirror", on_request=lambda *said: asked.append(said)
    )

    found = copied(mirror_to(opened(registry_host, repository), target), artifact.manifest, V1)

    assert found.sent == 0
    assert [path for method, path in asked if method == "PUT" and "/blobs/" in path] == []
    assert target.resolve(V1) == artifact.manifest.digest


def test_blobs_that_may_not_be_mounted_are_sent(fake, opened: Opened):
    artifact = image(b"one")
    fake.hold("acme/platform", artifact, "v1.0.0")
    target = opened(fake.host, "acme/mirror")

    found = copied(mirror_to(opened(fake.host), target), artifact.manifest, V1)

    assert found.sent == len(b"one") + len(b"{}")
    assert fake.repository("acme/mirror").tags == {"v1.0.0": str(artifact.manifest.digest)}
