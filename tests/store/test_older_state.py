"""The state directory of an older floe: JSON files and a store without a version number."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.store import (
    SqlHeads,
    SqlOutcomes,
    SqlStore,
    SqlTally,
    migrations,
    state_database,
)
from engine.adapters.store.migrations import MIGRATIONS
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from engine.domain.errors import StoreUnavailableError
from engine.domain.record import RegistrySync
from engine.ports import DueAttempts
from tests.faults.damage import JSON, Damage
from tests.store.stores import HandClock, change

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
SEEN = KnownHead(7, Digest.of(b"seven"))
COPIED = RegistrySync(registry="r.example.com/acme", status="synced")


def write_heads(folder: Path, sequence: int = SEEN.sequence) -> Path:
    head = {"sequence": sequence, "digest": str(SEEN.digest)}
    path = folder / "heads.json"
    path.write_text(json.dumps({"heads": {"acme": {"prod": head, "dev": head}}}, indent=1))
    return path


def heads(folder: Path, repository: str = "acme") -> SqlHeads:
    return SqlHeads(state_database(folder), repository)


@pytest.mark.requirement("FR-026")
def test_known_heads_move_into_the_store(tmp_path: Path) -> None:
    path = write_heads(tmp_path)

    assert heads(tmp_path).known("prod") == SEEN
    assert not path.exists()
    assert heads(tmp_path).known("dev") == SEEN
    assert heads(tmp_path, "another").known("prod") is None


@pytest.mark.parametrize("sequence", [6, 8])
def test_the_newer_head_of_the_store_and_an_older_file_wins(tmp_path: Path, sequence: int) -> None:
    heads(tmp_path).remember("prod", SEEN)

    write_heads(tmp_path, sequence)

    assert heads(tmp_path).known("prod") == KnownHead(max(7, sequence), SEEN.digest)


def test_an_older_head_does_not_replace_the_known_one(tmp_path: Path) -> None:
    kept = heads(tmp_path)
    for sequence in (3, 2, 5, 4):
        kept.remember("prod", KnownHead(sequence, Digest.of(b"%d" % sequence)))
    kept.remember("prod", KnownHead(5, Digest.of(b"a fork")))

    assert kept.known("prod") == KnownHead(5, Digest.of(b"5"))


def test_reading_known_heads_creates_no_state_directory(tmp_path: Path) -> None:
    assert heads(tmp_path / "state").known("prod") is None
    assert SqlOutcomes(state_database(tmp_path / "state"), "acme").known("prod", "r") == ()

    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("damage", JSON.values(), ids=JSON)
def test_a_damaged_file_of_heads_is_refused_and_kept(tmp_path: Path, damage: Damage) -> None:
    path = write_heads(tmp_path)
    damage(path)

    for use in (
        lambda: heads(tmp_path).known("prod"),
        lambda: heads(tmp_path).remember("prod", SEEN),
    ):
        with pytest.raises(StoreUnavailableError, match=r"heads\.json (does not hold|cannot be)"):
            use()

    assert path.exists()


KILLER = """
import os, signal, sys
from pathlib import Path
from engine.adapters.store import SqlHeads, older_files, state_database
from engine.runtime import sqlite_database
from tests.store.test_older_state import SEEN, write_heads

FILES = {older_files.__file__, sqlite_database.__file__}


def in_child(work, *arguments):
    child = os.fork()
    if child == 0:
        work(*arguments)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def move(folder, fatal_line):
    lines = 0

    def trace(frame, event, _argument):
        nonlocal lines
        if frame.f_code.co_filename not in FILES:
            return None
        lines += event == "line"
        if lines == fatal_line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    SqlHeads(state_database(folder), "acme").known("prod")


def check(folder):
    known = SqlHeads(state_database(folder), "acme").known("prod")
    os._exit(0 if known == SEEN and not (folder / "heads.json").exists() else 1)


for line in range(1, 1000):
    folder = Path(sys.argv[1]) / str(line)
    folder.mkdir()
    write_heads(folder)
    killed = os.WIFSIGNALED(in_child(move, folder, line))
    left = (folder / "heads.json").exists()
    lost = in_child(check, folder) != 0
    print("lost" if lost else "kept", "before" if left else "after", flush=True)
    if not killed:
        break
"""


@pytest.mark.requirement("FR-026")
def test_a_kill_before_any_line_of_the_move_loses_no_known_head(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", KILLER, str(tmp_path)]

    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=200)

    ends = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert set(ends) == {"kept before", "kept after"}
    assert len(ends) > 20


@pytest.mark.requirement("FR-026")
def test_four_processes_move_the_heads_at_once(tmp_path: Path) -> None:
    write_heads(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.store.test_older_state import SEEN, heads\n"
        "assert heads(Path(sys.argv[1])).known('prod') == SEEN"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]

    started = [subprocess.Popen(argv, cwd=REPOSITORY) for _ in range(4)]

    assert [process.wait(timeout=100) for process in started] == [0] * 4


def test_counts_of_refusals_move_into_the_store(tmp_path: Path) -> None:
    counts = {
        "waiting": 3,
        "recorded_at": "2026-09-01T11:00:00Z",
        "seen_at": "2026-09-01T11:30:00Z",
    }
    (tmp_path / "refusals.json").write_text(json.dumps({"attempts": {"bob": counts}}))

    tally = SqlTally(state_database(tmp_path))

    assert tally.add("bob", NOON) == DueAttempts(4, known=True)
    assert not (tmp_path / "refusals.json").exists()


def test_only_the_newest_five_hundred_kinds_are_counted(tmp_path: Path) -> None:
    tally = SqlTally(state_database(tmp_path))
    tally.add("first", NOON)
    tally.recorded("first", 1, NOON)
    for number in range(500):
        tally.add(f"kind {number}", NOON + timedelta(seconds=number + 1))

    assert tally.add("first", NOON + timedelta(minutes=30)) == DueAttempts(1, known=False)


def test_outcomes_of_secondaries_move_into_the_store(tmp_path: Path) -> None:
    noted = {"record": "r-1", "outcomes": [COPIED.model_dump(mode="json")]}
    (tmp_path / "secondaries.json").write_text(json.dumps({"noted": {"acme": {"prod": noted}}}))

    outcomes = SqlOutcomes(state_database(tmp_path), "acme")

    assert outcomes.known("prod", "r-1") == (COPIED,)
    assert outcomes.known("prod", "r-2") == ()
    assert not (tmp_path / "secondaries.json").exists()


@pytest.mark.parametrize("damage", JSON.values(), ids=JSON)
@pytest.mark.parametrize("name", ["refusals.json", "secondaries.json"])
def test_a_damaged_file_of_what_can_be_found_again_stops_nothing(
    tmp_path: Path, damage: Damage, name: str
) -> None:
    path = tmp_path / name
    path.write_text("{}")
    damage(path)
    tally = SqlTally(state_database(tmp_path))
    outcomes = SqlOutcomes(state_database(tmp_path), "acme")

    if path.is_dir() and name == "refusals.json":
        with pytest.raises(StoreUnavailableError, match="Is a directory"):
            tally.add("kind", NOON)
        return
    assert tally.add("kind", NOON) == DueAttempts(1, known=False)
    outcomes.note("prod", "r-1", [COPIED])

    assert path.is_dir() or outcomes.known("prod", "r-1") == (COPIED,)


def test_a_store_of_an_older_floe_keeps_its_changes(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        db.executescript(migrations.MIGRATIONS[0])
        db.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
        db.execute("CREATE TABLE _sqlite_migrations (migration_set, name, applied_at)")
        db.execute("INSERT INTO _sqlite_migrations VALUES ('floe.store', '0001', '2026-09-01')")
        at = int(HandClock().now().timestamp() * 1_000_000)
        db.execute("INSERT INTO events VALUES (1, 'c-1', 'submitted', ?, '{}')", [at])
        db.commit()

    with closing(SqlStore(state_database(tmp_path), HandClock())) as store:
        kept = store.add(change(), None)

        assert [event.kind for event in store.events(0)] == ["submitted"]
        assert store.open() == (kept,)
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
