"""`floe platform restore` and the display of drift, for people and scripts."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

MOVED = "deployed: v1.0.0, moved outside floe; should be v1.2.0"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """Staging runs v1.2.0 by the ledger; its latest tag was moved to v1.0.0."""
    floe = Floe.on("oci-layout:./registry", tmp_path)
    for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
        assert floe.promote(version, "staging").code == 0
    oci_layout.write(tmp_path / "registry", image(b"v1.0.0"), "latest-staging")
    return floe


def test_status_shows_the_deployed_version(floe: Floe) -> None:
    shown = floe.run("platform", "status", "--env", "staging")
    [row] = floe.run("platform", "status", "--env", "staging", "--format", "json").document

    assert MOVED in " ".join(shown.out.split())
    assert "floe platform restore --env staging" in " ".join(shown.out.split())
    assert (row["deployed_version"], row["expected_version"]) == ("v1.0.0", "v1.2.0")
    assert row["deployed_digest"] == str(image(b"v1.0.0").manifest.digest)
    assert row["expected_digest"] == str(image(b"v1.2.0").manifest.digest)
    assert row["drifted"] is True


def test_restore_is_reported(floe: Floe) -> None:
    done = floe.run("platform", "restore", "--env", "staging", "--reason", "INC-7")
    again = floe.run("platform", "restore", "--env", "staging")
    [row] = floe.run("platform", "status", "--env", "staging", "--format", "json").document

    assert done.code == 0, done.err
    assert "Restored: latest-staging points to v1.2.0 again" in done.out
    assert "Was deployed: v1.0.0, moved outside floe" in done.out
    assert "Gates" not in done.out
    assert "Unchanged: latest-staging matches the ledger" in again.out
    assert (row["deployed_version"], row["drifted"]) == ("v1.2.0", False)


def test_restore_as_json_names_both_versions(floe: Floe) -> None:
    done = floe.run("platform", "restore", "--env", "staging", "--output", "json").document

    assert done["outcome"] == "restored"
    assert (done["version"], done["previous_version"]) == ("v1.2.0", "v1.0.0")
    assert done["restore_id"]


def test_promoting_the_running_version_names_the_restore_command(floe: Floe) -> None:
    refused = floe.promote("v1.2.0", "staging")

    assert refused.code == 10
    assert "floe platform restore --env staging" in refused.out + refused.err


def test_restore_of_an_unknown_environment_is_refused(floe: Floe) -> None:
    assert floe.run("platform", "restore", "--env", "moon").code == 2
