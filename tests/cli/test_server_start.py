"""A starting server warns about its manifest, and completes interrupted commands."""

import json
from pathlib import Path

import pytest

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.scenarios.commands import Floe

_NAME = "org.opencontainers.image.ref.name"


def latest(root: Path) -> str:
    """Return the digest of `latest-staging`."""
    listed = json.loads((root / "index.json").read_text())["manifests"]
    found = [e["digest"] for e in listed if e["annotations"][_NAME] == "latest-staging"]
    return str(found[0])


@pytest.mark.requirement("NFR-004")
def test_starting_server_moves_latest_to_the_committed_version(tmp_path: Path) -> None:
    root, old, new = tmp_path / "registry", image(b"old"), image(b"new")
    write_manifest(tmp_path, "oci-layout:./registry", "https://id.example.com")
    for version, artifact in (("v1.0.0", old), ("v2.0.0", new)):
        oci_layout.write(root, artifact, f"{version}-dev")
        assert Floe(tmp_path).run("platform", "promote", version, "--to", "staging").code == 0
    oci_layout.write(root, old, "latest-staging")

    with serving(tmp_path):
        followed = until(lambda: latest(root) == str(new.manifest.digest), 60)

    assert followed


def test_starting_server_shows_warnings_about_its_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path, "oci-layout:./registry", "https://id.example.com")
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    wanted = "WARNING: identity.oidc admits every token of https://id.example.com: "

    with serving(tmp_path):
        shown = until(lambda: wanted in (tmp_path / "serve.log").read_text(), 60)

    assert shown
