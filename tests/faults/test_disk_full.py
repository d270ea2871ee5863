"""A full disk under the state directory: commands succeed, or fail clearly and can be repeated."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.sigstore.verification_cache import CachingVerifier
from engine.adapters.store import SqlStore, state_database
from tests.builders import image
from tests.faults.small_disk import SmallDisk, disk_for
from tests.faults.team import Team, team_in
from tests.faults.test_caches_corrupted import Signer
from tests.store.stores import HandClock

pytestmark = pytest.mark.requirement("NFR-004")
_WEBHOOK = 'webhooks: [{url: "http://127.0.0.1:9/gone", retry_count: 0, timeout_seconds: 1}]'
# Blocks left: from none to enough for every command.
MOMENTS = range(25)


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with disk_for(request.node, tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture(params=["layout", "remote"])
def team(
    request: pytest.FixtureRequest, disk: SmallDisk, tmp_path: Path, repository: str
) -> Iterator[Team]:
    """The registry has room; its leases are in the state directory."""
    uri = None
    if request.param == "remote":
        uri = f"oci://{request.getfixturevalue('registry_host')}/{repository}"
    with team_in(tmp_path, disk.path / "state", uri, more=_WEBHOOK) as built:
        yield built
        built.figures(f"state directory, {request.param}")


def delete_state(team: Team) -> None:
    """Delete the state, so the next command has to create all of it."""
    shutil.rmtree(team.state, ignore_errors=True)


def test_promotion_with_little_space_succeeds_or_can_be_repeated(
    team: Team, disk: SmallDisk
) -> None:
    moments = MOMENTS[:8]
    for blocks in moments:
        version = f"v1.0.{blocks}"
        team.push(version)
        delete_state(team)
        disk.fill(blocks)

        tried = team.promote(version)
        on_record = team.running("staging") == version
        disk.free()
        again = team.promote(version)

        assert on_record or tried.code == 5
        assert again.code == 0
        assert team.running("staging") == version
    assert team.records("staging") == ["promotion"] * len(moments)
    team.verify_ledgers()


@pytest.mark.parametrize("blocks", [0, 1, 3, 8])
def test_every_command_answers_clearly_with_little_space(
    team: Team, disk: SmallDisk, blocks: int
) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        team.push(version)
        assert team.promote(version).code == 0
    delete_state(team)
    disk.fill(blocks)

    team.run("platform", "lock", "--env", "staging", "--reason", "full")
    team.run("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "full")
    team.run("platform", "unlock", "--env", "staging", "--reason", "full")
    team.run("platform", "promote", "v2.0.0", "--to", "prod")
    team.run("platform", "changes")
    team.succeed("platform", "status")
    team.succeed("platform", "audit", "history")
    team.verify_ledgers()
    disk.free()

    team.succeed("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "room")
    assert team.running("staging") == "v1.0.0"
    team.verify_ledgers()


def test_approval_with_little_space_takes_effect_or_can_be_repeated(
    team: Team, disk: SmallDisk
) -> None:
    done = []
    for blocks in (*MOMENTS[::6], 64):
        version = f"v1.0.{blocks}"
        team.push(version)
        delete_state(team)
        assert team.promote(version).code == 0
        disk.fill(blocks)
        asked = team.promote(version, "prod")
        disk.free()
        change = team.request_prod(version)
        disk.fill(blocks)

        approved = team.approve(change)
        on_record = team.running("prod") == version
        disk.free()
        again = team.approve(change) if approved.code else approved

        assert asked.code in (5, 14)
        assert approved.code in (0, 5)
        assert on_record or approved.code == 5
        assert again.code == 0, again
        assert team.running("prod") == version
        done.append(approved.code == 0)
    assert len(team.records("prod")) == len(done)
    assert done[-1]
    assert not done[0]
    team.verify_ledgers()


def test_verification_result_that_cannot_be_cached_still_counts(
    disk: SmallDisk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry, signer = LayoutRegistry.create(tmp_path / "registry"), Signer()
    disk.fill()
    with closing(SqlStore(state_database(disk.path / "state"), HandClock())) as store:
        verifier = CachingVerifier(signer, store, HandClock())

        verdicts = [verifier.verify(registry, image(b"signed").manifest) for _ in range(2)]
        disk.free()
        verdicts += [verifier.verify(registry, image(b"signed").manifest) for _ in range(2)]

    assert [(each.verified, each.cached) for each in verdicts] == [(True, False)] * 3 + [
        (True, True)
    ]
    assert signer.asked == 3
    assert "the disk is full: free some space and repeat" in caplog.text
