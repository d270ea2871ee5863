"""A damaged state directory: evidence is refused, caches are rebuilt."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.damage import EMPTY, HURT, JSON, LOST, Damage, pages
from tests.faults.team import BOB, Team, team_in

pytestmark = pytest.mark.requirement("NFR-004")
_WEBHOOK = 'webhooks: [{url: "http://127.0.0.1:9/gone", retry_count: 0, timeout_seconds: 1}]'
_LOCK = ("platform", "lock", "--env", "staging", "--reason", "damage")
_UNLOCK = ("platform", "unlock", "--env", "staging", "--reason", "over")
_BACK = ("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "damage")
_RELEASE = ("platform", "release", "v2.0.0", "--env", "staging", "--reason", "mended")


class DamagedPlatform:
    """A platform with a change to prod that waits; its state can be restored at any time."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.store = team.state / "store.db"
        for version in ("v1.0.0", "v2.0.0"):
            team.push(version)
            assert team.promote(version).code == 0
        self.change = team.request_prod("v2.0.0")
        self._whole = team.folder / "whole"
        shutil.copytree(team.state, self._whole)

    def restore(self) -> None:
        shutil.rmtree(self.team.state)
        shutil.copytree(self._whole, self.team.state)

    def assert_registry_works(self) -> None:
        """Assert that everything works that needs only the registry."""
        for words in (_LOCK, _UNLOCK, _BACK):
            self.team.succeed(*words)
        assert self.team.running("staging") == "v1.0.0"
        assert self.team.records("staging")[:3] == ["rollback", "unlock", "lock"]
        # Going forward again is a promotion, once the version is released.
        self.team.succeed(*_RELEASE)
        assert self.team.promote("v2.0.0").code == 0


@pytest.fixture
def hurt(tmp_path: Path) -> Iterator[DamagedPlatform]:
    with team_in(tmp_path, tmp_path / "state", more=_WEBHOOK) as team:
        yield DamagedPlatform(team)
        team.figures("damaged")


@pytest.mark.parametrize("damage", LOST.values(), ids=LOST)
def test_lost_store_is_refused_only_by_commands_that_need_it(
    hurt: DamagedPlatform, damage: Damage
) -> None:
    damage(hurt.store)

    refused = [
        hurt.team.approve(hurt.change),
        hurt.team.run("platform", "changes"),
        hurt.team.promote("v2.0.0", "prod"),
    ]
    status = hurt.team.succeed("platform", "status", "--output", "json")
    hurt.assert_registry_works()

    assert [answer.code for answer in refused] == [5] * 3
    assert "move it away" in refused[1].err or "state.dir" in refused[1].err
    assert [row["pending"] for row in status.document] == [None] * 3
    assert "Changes in flight are not shown: the store " in status.err
    assert hurt.team.running("prod") is None
    # The store also holds the known heads: an audit without them would prove less.
    assert hurt.team.run("platform", "audit", "verify").code == 5
    shutil.move(hurt.store, hurt.team.folder / "lost")
    hurt.team.verify_ledgers()


@pytest.mark.parametrize("damage", EMPTY.values(), ids=EMPTY)
def test_missing_or_empty_store_is_created_again(hurt: DamagedPlatform, damage: Damage) -> None:
    damage(hurt.store)

    gone = hurt.team.approve(hurt.change)
    again = hurt.team.request_prod("v2.0.0")
    approved = hurt.team.approve(again)

    assert (gone.code, "not found. List changes with" in gone.out) == (2, True)
    assert again != hurt.change
    assert approved.code == 0
    assert hurt.team.running("prod") == "v2.0.0"
    hurt.team.verify_ledgers()


def test_no_damaged_page_lets_a_change_reach_prod_without_approval(
    hurt: DamagedPlatform,
) -> None:
    ends = []
    damaged = list(pages(hurt.store))
    for damage in HURT.values():
        hurt.restore()
        damage(hurt.store)
        damaged.append(hurt.store.read_bytes())
    for content in damaged:
        hurt.restore()
        hurt.store.write_bytes(content)

        hurt.team.run("platform", "changes")
        ends.append(hurt.team.approve(hurt.change).code)
        hurt.team.promote("v2.0.0", "prod")

        hurt.team.succeed("platform", "status")
    approvals = [record["approvals"] for record in promotions_to_prod(hurt.team)]
    print(f"{len(damaged)} damaged stores, {ends.count(5)} refused, {len(approvals)} promoted")
    assert all(len(given) == 1 for given in approvals)
    # Once it is there, another approval is too late.
    assert {5} <= set(ends) <= {0, 2, 5, 15}
    hurt.restore()
    hurt.team.verify_ledgers()


def promotions_to_prod(team: Team) -> list[dict[str, list[str]]]:
    words = ("platform", "audit", "history", "--env", "prod", "--output", "json", "--limit", "0")
    records: list[dict[str, list[str]]] = team.succeed(*words).document["records"]
    return records


@pytest.mark.parametrize("damage", JSON.values(), ids=JSON)
def test_unreadable_heads_stop_only_the_audit(hurt: DamagedPlatform, damage: Damage) -> None:
    """Test with a head file of an older floe, which is not in the store yet."""
    heads = hurt.team.state / "heads.json"
    heads.write_text('{"heads": {}}')
    damage(heads)

    audited = hurt.team.run("platform", "audit", "verify")
    hurt.assert_registry_works()
    shutil.move(heads, hurt.team.folder / "bad")

    assert audited.code == 5
    assert f"{heads} " in audited.err
    hurt.team.verify_ledgers()


@pytest.mark.parametrize("damage", {**LOST, **HURT}.values(), ids=[*LOST, *HURT])
def test_damaged_outbox_causes_a_warning(
    hurt: DamagedPlatform, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    damage(hurt.team.state / "outbox.db")

    hurt.team.succeed(*_BACK)
    shown = hurt.team.run("platform", "webhooks")

    assert hurt.team.running("staging") == "v1.0.0"
    assert shown.code == 5 or "failed: rollback" in caplog.text
    assert shown.code == 0 or "the outbox" in shown.err


def test_status_works_without_the_state_directory(hurt: DamagedPlatform) -> None:
    hurt.team.succeed(*_LOCK)
    before = hurt.team.succeed("platform", "status", "--output", "json").document
    records = hurt.team.records("staging")
    shutil.rmtree(hurt.team.state)

    after = hurt.team.succeed("platform", "status", "--output", "json").document
    left = hurt.team.records("staging")
    hurt.team.push("v3.0.0")
    refused = hurt.team.promote("v3.0.0")

    in_flight = [row.pop("pending") for row in before]
    assert [row.pop("pending") for row in after] == [[], [], []]
    assert [len(each) for each in in_flight] == [0, 0, 1]
    assert after == before
    assert left == records
    assert refused.code == 13
    hurt.team.verify_ledgers()


def test_garbled_or_lost_log_affects_nothing_else(hurt: DamagedPlatform) -> None:
    log = hurt.store.with_name("store.db-wal")
    with closing(sqlite3.connect(hurt.store, isolation_level=None)) as other:
        other.execute("UPDATE gate_runs SET seconds = 9")
        open_log = log.read_bytes()
        shutil.copytree(hurt.team.state, hurt.team.folder / "killed")
    codes = []
    for content in (open_log, b"\xa5" * 5000, open_log[:-100], b""):
        shutil.rmtree(hurt.team.state)
        shutil.copytree(hurt.team.folder / "killed", hurt.team.state)
        log.write_bytes(content)

        shown = hurt.team.run("platform", "changes", "--output", "json")

        codes.append(shown.code)
        assert [row["change_id"] for row in shown.document["changes"]] == [hurt.change]
    assert codes == [0] * 4
    assert hurt.team.run("platform", "approve", hurt.change, who=BOB).code == 0
