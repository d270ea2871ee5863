"""A full disk under an image layout or an audit backend leaves no partial effect."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import SmallDisk, disk_for
from tests.faults.team import Team, team_in

pytestmark = pytest.mark.requirement("NFR-004", "FR-025")
BACKENDS = {
    "store": 'audit: {backend: s3, url: "file://%s/copies"}',
    "database": 'audit: {backend: database, path: "%s/audit.db"}',
}


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with disk_for(request.node, tmp_path / "disk", "size=1m") as mounted:
        yield mounted


@pytest.fixture
def embedded(disk: SmallDisk, tmp_path: Path) -> Iterator[Team]:
    """Registry, leases and state share the disk."""
    with team_in(tmp_path, disk.path / "state", layout=disk.path / "registry") as built:
        yield built
        built.figures("image layout")


@pytest.fixture(params=BACKENDS)
def audited(request: pytest.FixtureRequest, disk: SmallDisk, tmp_path: Path) -> Iterator[Team]:
    """Only the audit backend is on the disk."""
    more = BACKENDS[request.param] % disk.path
    with team_in(tmp_path, tmp_path / "state", more=more) as built:
        yield built
        built.figures(request.param)


def try_and_repeat(team: Team, disk: SmallDisk, moments: range) -> list[tuple[bool, bool]]:
    """Promote with each number of blocks left, then again with room.

    Yield whether the first attempt reported success, and whether it was on record.
    """
    ends = []
    for blocks in moments:
        version = f"v1.0.{blocks}"
        team.push(version)
        before = team.running("staging")
        disk.fill(blocks)

        tried = team.promote(version)
        meanwhile = team.running("staging")
        disk.free()
        again = team.promote(version)

        assert tried.code in (0, 5), tried
        assert meanwhile in (before, version)
        assert meanwhile == version or tried.code == 5
        assert again.code == 0, again
        assert team.running("staging") == version
        ends.append((tried.code == 0, meanwhile == version))
    return ends


def test_promotion_to_a_layout_with_little_space_succeeds_or_can_be_repeated(
    embedded: Team, disk: SmallDisk
) -> None:
    ends = try_and_repeat(embedded, disk, range(0, 32, 2))

    assert (ends[0], ends[-1]) == ((False, False), (True, True))
    assert embedded.records("staging") == ["promotion"] * len(ends)
    embedded.verify_ledgers()


def test_full_layout_can_be_read_and_accepts_writes_once_there_is_room(
    embedded: Team, disk: SmallDisk
) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        embedded.push(version)
        assert embedded.promote(version).code == 0
    lock = ("platform", "lock", "--env", "staging", "--reason", "full")
    back = ("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "full")
    for blocks in (0, 2, 4, 6):
        disk.fill(blocks)
        refused = [embedded.run(*lock), embedded.run(*back)]
        embedded.succeed("platform", "audit", "history")
        embedded.succeed("platform", "status")
        assert {answer.code for answer in refused} <= {0, 5, 13}
        disk.free()

        assert embedded.run(*lock).code in (0, 13)
        embedded.succeed(*back)
        embedded.succeed("platform", "unlock", "--env", "staging", "--reason", "room")
        embedded.succeed("platform", "rollback", "v2.0.0", "--env", "staging", "--reason", "on")
    embedded.verify_ledgers()


def test_full_audit_backend_stops_a_change_before_it_takes_effect(
    audited: Team, disk: SmallDisk
) -> None:
    ends = try_and_repeat(audited, disk, range(0, 20, 2))

    assert set(ends) == {(False, False), (True, True)}
    assert audited.records("staging") == ["promotion"] * len(ends)
    audited.verify_ledgers()


def test_full_audit_backend_stops_locks_and_approvals_until_there_is_room(
    audited: Team, disk: SmallDisk
) -> None:
    audited.push("v1.0.0")
    assert audited.promote("v1.0.0").code == 0
    change = audited.request_prod("v1.0.0")
    shutil.rmtree(disk.path / "copies", ignore_errors=True)
    disk.fill()
    lock = ("platform", "lock", "--env", "prod", "--reason", "full")

    approved, locked = audited.approve(change), audited.run(*lock)
    unlocked = audited.succeed("platform", "status", "--output", "json").document[2]["lock"] is None
    disk.free()
    again = audited.approve(change)
    audited.succeed(*lock)

    assert (approved.code, locked.code) == (5, 5)
    assert unlocked
    assert again.code == 0
    assert audited.records("prod") == ["lock", "promotion"]
