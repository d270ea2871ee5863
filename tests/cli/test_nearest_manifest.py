"""manifest.yaml is found above the working directory, and the command says which file it uses."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A platform in `shop`, and commands that run two directories below it."""
    shop = tmp_path / "shop"
    below = shop / "src" / "app"
    below.mkdir(parents=True)
    oci_layout.write(shop / "registry", image(), "v1.0.0-dev")
    return replace(Floe.on("oci-layout:./registry", shop), folder=below)


def test_manifest_above_is_used_with_its_files_and_named_once(floe: Floe, tmp_path: Path) -> None:
    done = floe.run("promote", "v1.0.0", "staging")
    status = floe.run("status", "-o", "json")

    assert done.code == 0, done.err
    named = f"Using {tmp_path}/shop/manifest.yaml\n"
    assert (done.err.count("Using "), done.err.startswith(named), status.err) == (1, True, named)
    assert status.document[1]["version"] == "v1.0.0"
    assert [*floe.folder.iterdir()] == []


def test_manifest_of_the_working_directory_comes_first(floe: Floe) -> None:
    Floe.on("oci-layout:../../other", floe.folder)
    oci_layout.write(floe.folder / "../../other", image(), "v2.0.0-dev")

    assert floe.run("promote", "v2.0.0", "staging").err == ""


def test_search_ends_at_the_git_repository(floe: Floe) -> None:
    (floe.folder.parent / ".git").mkdir()

    refused = floe.run("status")

    assert refused.code == 2
    assert "manifest.yaml: no such file; name one with --manifest" in refused.err


def test_manifest_beside_git_is_found(floe: Floe, tmp_path: Path) -> None:
    (tmp_path / "shop" / ".git").mkdir()

    assert floe.run("status").code == 0


@pytest.mark.parametrize("named", ["option", "variable"])
def test_named_file_is_not_searched(floe: Floe, named: str) -> None:
    floe = (
        replace(floe, environ={"FLOE_MANIFEST": "manifest.yaml"}) if named == "variable" else floe
    )
    option = ("--manifest", "manifest.yaml") if named == "option" else ()

    assert floe.run("status", *option).code == 2


@AS_ROOT
@pytest.mark.parametrize("linked", [False, True])
def test_file_of_another_user_is_refused(floe: Floe, tmp_path: Path, linked: bool) -> None:
    manifest = tmp_path / "shop" / "manifest.yaml"
    if linked:
        manifest.rename(manifest.with_name("mine.yaml"))
        manifest.symlink_to("mine.yaml")
    os.chown(manifest, 12345, 12345, follow_symlinks=False)

    refused = floe.run("status", "-o", "json")
    allowed = floe.run("status", "--manifest", str(manifest))

    message = refused.document["error"]["message"]
    assert (refused.code, allowed.code) == (2, 0)
    assert f"{manifest} belongs to another user" in message
    assert f"--manifest {manifest}" in message


@pytest.mark.parametrize("command", [("schema",), ("manifest", "check", "../../manifest.yaml")])
def test_unused_manifest_is_not_named(floe: Floe, command: tuple[str, ...]) -> None:
    done = floe.run(*command)

    assert done.code == 0
    assert "Using " not in done.err


def test_checked_manifest_is_named(floe: Floe, tmp_path: Path) -> None:
    done = floe.run("manifest", "check")

    assert done.code == 0
    assert done.err.startswith(f"Using {tmp_path}/shop/manifest.yaml\n")
