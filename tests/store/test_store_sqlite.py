"""The SQLite store among processes: first openings, locks, deaths, and files it cannot use."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from engine.adapters.store import SqlStore, state_database
from engine.domain.change import ChangeState
from engine.domain.errors import StoreUnavailableError
from tests.store.stores import HandClock, change, crowd, ids, sqlite_store

REPOSITORY = Path(__file__).parents[2]

PRELUDE = """
import os, pathlib, signal, sys
from collections.abc import Mapping
from engine.adapters.store import SqlStore, state_database
from engine.domain.change import ChangeState
from engine.domain.errors import StoreUnavailableError
from tests.store.stores import HandClock, change

store = SqlStore(state_database(pathlib.Path(sys.argv[1]), 60), HandClock())
name = sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
"""

ASKER = """
asked = change("v1.2.3", id=f"c-{name}")
print(store.add(asked, "the key", [("submitted", {})]).id, flush=True)
"""

WRITER = """
def say(kept):
    # In one write, so that a kill leaves no half of a line.
    print(f"{kept.id} {kept.revision}\\n", end="", flush=True)

for number in range(100_000):
    kept = change(f"v{number}.{name}.0", id=f"c-{name}-{number}")
    store.add(kept, f"key-{name}-{number}", [("submitted", {})])
    say(kept)
    for state in (ChangeState.EXECUTING, ChangeState.FAILED):
        moved = kept.moved(state)
        assert store.move(kept, moved, [(state.value, {})])
        kept = moved
        say(kept)
"""

DEADLY = """
class Deadly(Mapping):
    def __getitem__(self, key): raise KeyError(key)
    def __len__(self): return 1
    def __iter__(self): os.kill(os.getpid(), signal.SIGKILL)

before, = store.open()
store.move(before, before.moved(ChangeState.EXECUTING), [("executing", {}), ("never", Deadly())])
"""


@contextmanager
def processes(directory: Path, code: str, *names: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that have reached `go`, each with a store of its own on `directory`."""
    with ExitStack() as stack:
        started = []
        for name in names:
            argv = [sys.executable, "-c", PRELUDE + code, str(directory), name]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            process = subprocess.Popen(argv, cwd=REPOSITORY, text=True, **pipes)
            started.append(stack.enter_context(process))
            stack.callback(process.kill)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.requirement("SL-005")
def test_eight_processes_make_one_store_and_add_one_change(tmp_path):
    names = [f"{number}" for number in range(8)]

    with processes(tmp_path / "state", ASKER, *names) as asking:
        for process in asking:
            go(process)
        answers = [process.communicate(timeout=100)[0].strip() for process in asking]

    with sqlite_store(tmp_path / "state") as store:
        assert set(answers) == set(ids(store.recent(10)))
        assert len(set(answers)) == len(store.events(0)) == 1


def test_any_number_may_race_to_make_a_store(tmp_path):
    def ask(store: SqlStore) -> str:
        return store.add(change("v1.2.3"), None).id

    for number in range(20):
        with ExitStack() as stack, crowd(8) as pool:
            state = tmp_path / str(number)
            stores = [stack.enter_context(sqlite_store(state)) for _ in range(8)]
            assert len(set(pool.map(ask, stores))) == 1


@pytest.mark.requirement("AP-002")
def test_what_was_answered_before_a_kill_is_there_and_nothing_is_half_done(tmp_path):
    answered: dict[str, int] = {}

    for number in range(8):
        with processes(tmp_path, WRITER, str(number)) as (writer,):
            go(writer)
            assert writer.stdout is not None
            said = [writer.stdout.readline() for _ in range(1 + 3 * number)]
            time.sleep(0.0007 * number)
            writer.kill()
            said += writer.stdout.readlines()
        for line in said:
            change_id, revision = line.split()
            answered[change_id] = int(revision)

    with sqlite_store(tmp_path) as store:
        kept = {kept.id: kept.revision for kept in store.recent(100_000)}
        noted = [event.change_id for event in store.events(0, limit=1_000_000)]
    assert len(answered) > 8
    assert all(kept[change_id] >= revision for change_id, revision in answered.items())
    assert {change_id: noted.count(change_id) for change_id in kept} == kept


@pytest.mark.requirement("AP-002")
def test_killed_process_rolls_back_and_releases_the_lock(tmp_path):
    with sqlite_store(tmp_path, wait_seconds=0) as store:
        before = store.add(change(), None, [("submitted", {})])

        with processes(tmp_path, DEADLY, "dying") as (process,):
            go(process)
            process.communicate(timeout=60)

        assert process.returncode == -signal.SIGKILL
        assert store.open() == (before,)
        assert [event.kind for event in store.events(0)] == ["submitted"]
        assert store.move(before, before.moved(ChangeState.EXECUTING))


def test_only_its_owner_may_read_it(tmp_path):
    state = tmp_path / "a" / "state"

    with sqlite_store(state) as store:
        store.add(change(), None)
        modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}

    assert state.stat().st_mode & 0o777 == 0o700
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_nothing_is_made_or_loaded_before_it_is_needed(tmp_path):
    code = "import sys, engine.adapters.store; print('sqlite_utils' in sys.modules)"

    store = SqlStore(state_database(tmp_path / "state"), HandClock())
    store.close()
    argv = [sys.executable, "-c", code]
    said = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert not (tmp_path / "state").exists()
    assert said.stdout == "False\n"


def test_a_writer_that_keeps_others_waiting_is_named_and_readers_do_not_wait(tmp_path):
    with (
        sqlite_store(tmp_path, wait_seconds=0.2) as store,
        closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other,
    ):
        before = store.add(change(), None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailableError) as refused:
            store.move(before, before.moved(ChangeState.EXECUTING))
        read = store.open()
        other.execute("ROLLBACK")

        assert str(refused.value) == (
            f"the store {tmp_path}/store.db is being written by others and was not free within "
            "0.2 seconds: try again"
        )
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert read == (before,)
        assert store.move(before, before.moved(ChangeState.EXECUTING))


def test_a_writer_waits_for_its_turn(tmp_path):
    with (
        sqlite_store(tmp_path, wait_seconds=60) as store,
        closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other,
    ):
        before = store.add(change(), None)
        other.execute("BEGIN IMMEDIATE")
        moving = threading.Thread(
            target=store.move, args=(before, before.moved(ChangeState.EXECUTING))
        )

        moving.start()
        moving.join(0.3)
        waited = moving.is_alive()
        other.execute("ROLLBACK")
        moving.join()

        assert waited
        assert [kept.state for kept in store.open()] == [ChangeState.EXECUTING]


def test_threads_that_come_and_go_leave_no_connection_behind(tmp_path):
    def open_files() -> int:
        links = list(Path("/proc/self/fd").iterdir())
        # Other tests of this process may have open stores of their own.
        own = str(tmp_path / "store.db")
        return sum(own in str(link.readlink()) for link in links if link.is_symlink())

    with sqlite_store(tmp_path) as store:
        for number in range(20):
            thread = threading.Thread(target=store.add_events, args=(f"c-{number}", [("n", {})]))
            thread.start()
            thread.join()
        while_open = open_files()

    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]
    assert 0 < while_open <= 3
    assert open_files() == 0


def test_a_closed_store_says_so(tmp_path):
    with sqlite_store(tmp_path) as store:
        store.add(change(), None)

    with pytest.raises(StoreUnavailableError, match=r"store\.db was closed: floe is ending"):
        store.open()
