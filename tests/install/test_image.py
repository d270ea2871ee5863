"""The Dockerfile is linted, and built and run as far as possible without a container engine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout

ROOT = Path(__file__).parents[2]
MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:/var/lib/floe/registry"}
web: {public: true}
state: {dir: /var/lib/floe/state}
"""


def test_dockerfile_passes_the_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this kind of machine")

    ran = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.fixture(scope="module")
def image_output(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Return the output of the image's commands, run as its user on a read-only root."""
    if not _overlays():
        pytest.skip("building without an engine needs root and overlay mounts of Linux")
    folder = tmp_path_factory.mktemp("image")
    state = folder / "state"
    oci_layout.write(state / "registry", image(b"v1.0.0"), "v1.0.0-dev")
    (folder / "manifest.yaml").write_text(MANIFEST)
    for path in (state, *state.rglob("*")):
        os.chown(path, 10001, 10001)
    inside = [sys.executable, "-m", "tests.install.unpacked", ROOT, state, folder / "manifest.yaml"]
    ran = subprocess.run(
        ["unshare", "--mount", "--", *inside], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, object] = json.loads(ran.stdout)
    return answer


@pytest.mark.timeout(900)
def test_image_runs_unprivileged_on_a_read_only_file_system(image_output) -> None:
    assert image_output["who"] == [0, "10001 10001\n", ""]
    assert image_output["write"][0] == 1
    assert (
        "Read-only file system" in image_output["write"][2]
        or "Permission denied" in image_output["write"][2]
    )


@pytest.mark.timeout(900)
def test_image_promotes(image_output) -> None:
    code, out, _ = image_output["promote"]

    assert code == 0
    assert json.loads(out)["outcome"] == "promoted"
    assert image_output["help"][0] == 0


@pytest.mark.timeout(900)
def test_image_connects_to_postgresql_with_its_own_library(image_output) -> None:
    assert image_output["database"] == [0, "binary\n", ""]


@pytest.mark.timeout(900)
def test_image_serves_reports_health_and_ends_on_sigterm(image_output) -> None:
    assert image_output["serve"] == [0, 0]


@pytest.mark.timeout(900)
def test_image_has_no_development_tools_and_lists_its_packages(image_output) -> None:
    bill = json.loads(image_output["sbom"][1])

    names = {component["name"].lower().replace("_", "-") for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX" == image_output["labels"]["dev.floe.sbom.format"]
    assert {"floe", "slack-bolt", "flask", "pydantic"} <= names
    assert image_output["tools"][0] == 1
    assert "pytest" not in names


def _overlays() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    script = (
        'mount -t tmpfs none "$0" && mkdir "$0/u" "$0/w" "$0/r" && '
        'mount -t overlay none -o lowerdir=/,upperdir="$0/u",workdir="$0/w" "$0/r"'
    )
    tried = ["unshare", "--mount", "--", "sh", "-c", script, "/mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0
