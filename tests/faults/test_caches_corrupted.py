"""Damaged caches of the state directory are rebuilt."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.database import BotStore, bot_database
from engine.adapters.sigstore.verification_cache import CachingVerifier
from engine.adapters.store import SqlOutcomes, SqlStore, SqlTally, state_database
from engine.bootstrap import open_engine
from engine.bootstrap.server import open_records
from engine.config import load_config
from engine.domain.errors import StoreUnavailableError
from engine.domain.manifest import Manifest
from engine.domain.record import RegistrySync
from engine.domain.selection import Selection
from engine.domain.signature import SignatureVerdict
from engine.ports import RegistryReader
from tests.builders import image
from tests.faults.damage import EMPTY, HURT, LOST, Damage, pages
from tests.faults.team import Team, team_in
from tests.store.stores import NOON, HandClock

ANY_FILE = {n: d for n, d in {**EMPTY, **LOST, **HURT}.items() if n != "a directory"}
COPIED = RegistrySync(registry="r.example.com/acme", status="synced")


@pytest.mark.parametrize("damage", LOST.values(), ids=LOST)
def test_damaged_sync_outcome_store_is_logged_and_treated_as_empty(
    tmp_path: Path, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    SqlOutcomes(state_database(tmp_path, kept=0), "registry").note("prod", "record", [COPIED])
    damage(tmp_path / "store.db")

    outcomes = SqlOutcomes(state_database(tmp_path), "registry")
    outcomes.note("prod", "newer", [COPIED])

    assert outcomes.known("prod", "record") == ()
    assert f"{tmp_path}/store.db" in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("damage", LOST.values(), ids=LOST)
def test_damaged_rate_counters_refuse_requests(tmp_path: Path, damage: Damage) -> None:
    tally = SqlTally(state_database(tmp_path, kept=0))
    tally.add("kind", NOON)
    damage(tmp_path / "store.db")

    with pytest.raises(StoreUnavailableError, match=r"store\.db is "):
        tally.add("kind", NOON)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with team_in(tmp_path, tmp_path / "state") as built:
        built.push("v1.0.0")
        assert built.promote("v1.0.0").code == 0
        yield built


def page_record_kinds(team: Team) -> list[str]:
    """Return the kinds of records in the page's local copy."""
    config = load_config(team.folder / "manifest.yaml", {})
    with open_engine(config) as engine, open_records(config, engine) as records:
        assert records.refresh(), records.errors
        return [kept.record.kind for kept in records.store.page(Selection(), 10)]


@pytest.mark.parametrize("damage", ANY_FILE.values(), ids=ANY_FILE)
def test_damaged_record_copy_is_rebuilt(team: Team, damage: Damage) -> None:
    assert page_record_kinds(team) == ["promotion"]
    damage(team.state / "records.db")

    assert page_record_kinds(team) == ["promotion"]


def test_directory_in_place_of_the_record_copy_is_not_deleted(team: Team) -> None:
    (team.state / "records.db").mkdir()

    with pytest.raises(StoreUnavailableError, match=r"records\.db is a directory: move it away"):
        page_record_kinds(team)


def test_record_copy_with_a_damaged_page_is_rebuilt_or_reported(team: Team) -> None:
    assert page_record_kinds(team) == ["promotion"]
    path, anew, said = team.state / "records.db", 0, 0
    whole = path.read_bytes()

    for content in list(pages(path)):
        path.write_bytes(content)
        try:
            assert page_record_kinds(team) == ["promotion"]
            anew += 1
        except StoreUnavailableError as error:
            assert "move it away" in str(error)
            said += 1
        path.write_bytes(whole)

    print(f"records.db: {anew} rebuilt or intact, {said} said to be damaged")
    assert anew > said


@dataclass
class Signer:
    """Stands in for a signature verification, and counts the calls."""

    asked: int = 0
    verification_digest: str = "sha256:settings"
    verdict: SignatureVerdict = field(
        default_factory=lambda: SignatureVerdict("key", fingerprint="f", problem=None)
    )

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        self.asked += 1
        return self.verdict


@pytest.mark.parametrize(
    "value", ["", "{", "[]", '{"mode": "off"}', "[" * 9000, b"\xff\xfe", 3, None]
)
def test_altered_verification_result_is_ignored(
    place_registry: RegistryReader, tmp_path: Path, value: object
) -> None:
    signer, manifest = Signer(), image(b"signed").manifest
    with closing(SqlStore(state_database(tmp_path), HandClock())) as store:
        verifier = CachingVerifier(signer, store, HandClock())
        verifier.verify(place_registry, manifest)
        with closing(sqlite3.connect(tmp_path / "store.db")) as other, other:
            other.execute("PRAGMA ignore_check_constraints = ON")
            other.execute("UPDATE verifications SET value = coalesce(?, '')", [value])

        again = verifier.verify(place_registry, manifest)

    assert (again.verified, again.cached, signer.asked) == (True, False, 2)


@pytest.fixture
def place_registry(team: Team) -> Iterator[RegistryReader]:
    with open_engine(load_config(team.folder / "manifest.yaml", {})) as engine:
        yield engine.runner.registry


@pytest.mark.parametrize("damage", LOST.values(), ids=LOST)
def test_damaged_bot_store_is_reported_with_the_loss(tmp_path: Path, damage: Damage) -> None:
    BotStore(bot_database(tmp_path)).close()
    damage(tmp_path / "bot.db")

    with pytest.raises(StoreUnavailableError) as refused:
        BotStore(bot_database(tmp_path)).close()

    sentence = str(refused.value)
    assert sentence.startswith(f"the bot's store {tmp_path}/bot.db ")
    assert "move it away" in sentence or "state.dir at a local directory of floe's own" in sentence


def test_locked_store_is_reported_as_busy(tmp_path: Path) -> None:
    holder = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with closing(SqlStore(state_database(tmp_path, 0.3), HandClock())) as store:
        store.add_events("c-1", [("first", {})])
        with subprocess.Popen(
            [sys.executable, "-c", holder, tmp_path / "store.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as held:
            assert held.stdout is not None
            assert held.stdout.readline() == b"held\n"
            with pytest.raises(StoreUnavailableError, match=r"not free within 0\.3 seconds: try"):
                store.add_events("c-1", [("second", {})])
            held.communicate(timeout=30)

        store.add_events("c-1", [("second", {})])
        assert [event.kind for event in store.events(0)] == ["first", "second"]
