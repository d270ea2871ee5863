"""`floe artifact`: show signatures, and pull only artifacts that the enforcement allows."""

import json
from pathlib import Path

import pytest

from demo.seed import Layout
from demo.signing import ReleaseKey
from tests.scenarios.commands import Floe

SIGNED = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: oci-layout:./registry
    verification: {public_keys: [release.pub]}
"""

# Valid as a tag of dev, and too long for staging or prod.
LONG = f"v1.0.0-{'a' * 117}"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """v1.0.0 is signed, v1.0.1 and LONG are not."""
    layout, key = Layout(tmp_path / "registry"), ReleaseKey()
    key.publish(tmp_path / "release.pub")
    key.sign(layout, layout.publish("v1.0.0", {"release": 0}))
    layout.publish("v1.0.1", {"release": 1})
    layout.publish(LONG, {"release": 2})
    (tmp_path / "manifest.yaml").write_text(SIGNED)
    return Floe(tmp_path)


def test_signed_artifact_is_verified_with_its_signer(floe):
    ended = floe.run("artifact", "verify", "v1.0.0", "--output", "json")

    document = json.loads(ended.out)
    assert (ended.code, document["success"]) == (0, True)
    assert document["signature"]["mode"] == "key"


def test_cached_verification_is_not_reported_as_unsigned(floe):
    floe.run("artifact", "verify", "v1.0.0")

    again = floe.run("artifact", "verify", "v1.0.0")

    assert "verified before by the same rules" in again.out
    assert "no signature" not in again.out


def test_unsigned_artifact_is_exit_6(floe):
    ended = floe.run("artifact", "verify", "v1.0.1")

    assert ended.code == 6
    assert "Artifact is unsigned" in ended.out


def test_version_too_long_for_one_environment_is_found_in_another(floe):
    found = floe.run("artifact", "verify", LONG)
    nowhere = floe.run("artifact", "verify", LONG, "--env", "prod")

    assert "Artifact is unsigned" in found.out
    assert nowhere.code == 3
    assert f"There is no {LONG} in prod" in nowhere.err


def test_pulled_files_equal_the_published_ones(floe, tmp_path):
    ended = floe.run("artifact", "pull", "v1.0.0", "--to", "out")

    assert ended.code == 0
    [layer] = [f for f in (tmp_path / "out").iterdir() if f.name != "manifest.json"]
    assert json.loads(layer.read_text()) == {"release": 0}


@pytest.mark.requirement("FR-005")
def test_unsigned_artifact_leaves_no_files(floe, tmp_path):
    ended = floe.run("artifact", "pull", "v1.0.1", "--to", "out")

    assert ended.code == 6
    assert ended.err.startswith("Not pulled: Artifact is unsigned")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".floe",
        "manifest.yaml",
        "registry",
        "release.pub",
    ]


@pytest.mark.requirement("FR-021")
def test_unsigned_artifact_is_pulled_with_a_warning_under_warn(floe, tmp_path):
    warning = SIGNED.replace("[release.pub]", "[release.pub], enforcement: warn")
    (tmp_path / "manifest.yaml").write_text(warning)

    shown = floe.run("artifact", "pull", "v1.0.1", "--to", "out")
    document = floe.run("artifact", "pull", "v1.0.1", "--to", "again", "--output", "json").document

    assert (shown.code, shown.err) == (0, "WARNING: Artifact is unsigned\n")
    assert "  Artifact is unsigned" in shown.out.splitlines()
    assert document["signature"] == "Artifact is unsigned"
    assert (tmp_path / "out/manifest.json").exists()


@pytest.mark.requirement("FR-021")
def test_pull_verifies_nothing_when_enforcement_is_off(floe, tmp_path):
    (tmp_path / "manifest.yaml").write_text(
        SIGNED.replace("[release.pub]", "[release.pub], enforcement: off")
    )

    pulled = floe.run("artifact", "pull", "v1.0.1", "--to", "out")

    assert (pulled.code, pulled.err) == (0, "")
    assert "Signatures are not verified: none are asked for" in pulled.out


@pytest.mark.requirement("FR-021")
def test_pull_without_env_uses_the_strictest_environment(floe, tmp_path):
    mixed = "[release.pub], environments: {dev: {enforcement: warn}, prod: {enforcement: off}}"
    (tmp_path / "manifest.yaml").write_text(SIGNED.replace("[release.pub]", mixed))

    of_dev = floe.run("artifact", "pull", "v1.0.1", "--to", "out", "--env", "dev")
    of_any = floe.run("artifact", "pull", "v1.0.1", "--to", "again")

    assert (of_dev.code, of_any.code) == (0, 6)
    assert "Artifact is unsigned and enforcement is enabled" in of_any.err


def test_altered_artifact_leaves_no_files(floe, tmp_path):
    layers = (tmp_path / "registry/blobs/sha256").iterdir()
    [altered] = [path for path in layers if path.read_bytes() == b'{"release": 0}']
    altered.write_bytes(b'{"release": 9}')

    ended = floe.run("artifact", "pull", "v1.0.0", "--to", "out")

    assert ended.code == 5
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".floe-*"))


def test_nonempty_directory_is_not_touched(floe, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")

    ended = floe.run("artifact", "pull", "v1.0.0", "--to", "out")

    assert ended.code == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]
