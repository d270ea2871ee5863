"""A state directory that is read-only, belongs to another user, or has no inodes left."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.issuer import issuer
from tests.faults.small_disk import SmallDisk, disk_for
from tests.faults.team import ALICE, Team, team_in
from tests.scenarios.commands import Finished

pytestmark = pytest.mark.requirement("NFR-004")
_ROOT = Path(__file__).parents[2]
_LOCK = ("platform", "lock", "--env", "staging", "--reason", "full")
_UNLOCK = ("platform", "unlock", "--env", "staging", "--reason", "full")
_KINDS = ["layout", "remote"]


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with disk_for(request.node, tmp_path / "disk", "size=1m,nr_inodes=60") as mounted:
        yield mounted


@pytest.fixture(params=_KINDS)
def team(
    request: pytest.FixtureRequest, disk: SmallDisk, tmp_path: Path, repository: str
) -> Iterator[Team]:
    """v1.0.0 is in staging and waits for Bob before prod; v2.0.0 comes next."""
    uri = None
    if request.param == "remote":
        uri = f"oci://{request.getfixturevalue('registry_host')}/{repository}"
    with team_in(tmp_path, disk.path / "state", uri) as built:
        built.push("v1.0.0")
        built.push("v2.0.0")
        assert built.promote("v1.0.0").code == 0
        yield built
        built.figures(f"refused, {request.param}")


def test_read_only_state_directory_is_named_in_the_error(team: Team, disk: SmallDisk) -> None:
    change = team.request_prod("v1.0.0")
    disk.remount("ro")

    approved = team.approve(change)
    promoted = team.promote("v2.0.0")
    for words in ("status", "audit history", "audit verify"):
        team.succeed("platform", *words.split())
    disk.remount("rw")
    again = team.approve(change)

    assert (approved.code, promoted.code) in {(5, 0), (5, 2)}
    assert any("mount it writable" in sentence for sentence in team.said)
    assert promoted.code == 0 or "mount it writable" in promoted.out
    assert again.code == 0
    assert team.promote("v2.0.0").code == 0
    team.verify_ledgers()


def test_commands_with_few_inodes_left_succeed_or_can_be_repeated(
    team: Team, disk: SmallDisk
) -> None:
    for left in range(7):
        shutil.rmtree(team.state)
        team.state.mkdir()
        version = f"v3.0.{left}"
        team.push(version)
        disk.fill_names(left)

        promoted = team.promote(version)
        on_record = team.running("staging") == version
        tried = [team.run(*_LOCK), team.run(*_UNLOCK)]
        pending = team.promote(version, "prod")
        team.succeed("platform", "audit", "verify")
        disk.free()

        assert promoted.code == (0 if on_record else 5)
        assert {answer.code for answer in tried} <= {0, 5}
        assert pending.code in (5, 11, 14)
        team.succeed(*_UNLOCK)
        assert team.promote(version).code == 0
        assert team.running("staging") == version
    assert any("No space left on device" in s or "disk is full" in s for s in team.said)
    assert not any("may write" in sentence for sentence in team.said)
    team.verify_ledgers()


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_user_without_write_access_gets_a_clear_error_and_can_read(
    public: Path, tmp_path: Path
) -> None:
    commands = [
        "platform lock --env staging --reason denied",
        "platform promote v1.0.0 --to prod",
        "platform changes",
        "platform status",
        "platform audit history",
        "platform audit verify",
    ]
    with issuer() as people:
        for folder in (tmp_path, public):
            (folder / "registry").mkdir()
            team = Team(folder, people, f"oci-layout:{folder}/registry", folder / "state")
            team.configure()
            team.push("v1.0.0")
            assert team.promote("v1.0.0").code == 0
            team.request_prod("v1.0.0")
        _take_rights(public)
        manifests = [str(folder / "manifest.yaml") for folder in (tmp_path, public)]
        said = subprocess.run(
            [sys.executable, "-m", "tests.faults.nobody", *manifests, *commands],
            cwd=_ROOT,
            env={**os.environ, "FLOE_ID_TOKEN": people.token(ALICE)},
            capture_output=True,
            text=True,
            timeout=100,
        )
        shutil.copystat(tmp_path, public / "state")

    assert said.returncode == 0, said.stderr
    ended = [Finished(*each) for each in json.loads(said.stdout)]
    assert [each.code for each in ended] == [5, 5, 5, 0, 0, 0]
    for each in ended[:3]:
        assert str(public) in each.err
        assert "user may write" in each.err or "user with write access" in each.err, each
    assert f"Changes in flight are not shown: the store {public}" in ended[3].err


def _take_rights(folder: Path) -> None:
    """Make `folder` readable and not writable."""
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
