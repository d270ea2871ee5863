"""The SQLite store's file: its schema, its indexes, and files it cannot use."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.store import statements
from engine.domain.change import ChangeState
from engine.domain.errors import StoreUnavailableError
from engine.domain.gate import GateKind
from tests.store.stores import change, ids, sqlite_store

REPOSITORY = Path(__file__).parents[2]
READING = sorted(
    name
    for name, text in vars(statements).items()
    if name.isupper() and " changes" in text and "INSERT INTO changes" not in text
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a store with one open change."""
    with sqlite_store(tmp_path) as store:
        store.add(change(), None, [("submitted", {})])
    return tmp_path / "store.db"


@pytest.mark.parametrize("content", [b"no database " * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    (tmp_path / "store.db").write_bytes(content)

    with sqlite_store(tmp_path) as store, pytest.raises(StoreUnavailableError) as refused:
        store.add(change(), None)

    assert str(refused.value) == (
        f"the store {tmp_path}/store.db is damaged or not a SQLite database: stop its users and "
        "move it away: the history is in the registry, changes in flight can be requested again, "
        "and floe reads the heads of the ledgers again"
    )
    assert (tmp_path / "store.db").read_bytes() == content


def test_a_damaged_page_is_noticed(file):
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)

    with sqlite_store(file.parent) as store, pytest.raises(StoreUnavailableError, match="damaged"):
        store.open()


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "store.db").touch()

    with sqlite_store(tmp_path) as store:
        kept = store.add(change(), None)

        assert store.open() == (kept,)


@pytest.mark.parametrize("document", ['{"id": "c-1"}', "{", '{"no-such-field": 1}'])
def test_a_change_that_cannot_be_read_is_never_skipped(file, document):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE changes SET document = ?", [document])

    with (
        sqlite_store(file.parent) as store,
        pytest.raises(StoreUnavailableError, match="holds data that this floe cannot read"),
    ):
        store.open()


def test_a_file_where_the_directory_should_be_is_said_in_one_sentence(tmp_path):
    (tmp_path / "state").touch()

    for directory in (tmp_path / "state", tmp_path / "state" / "deeper"):
        with (
            sqlite_store(directory) as store,
            pytest.raises(StoreUnavailableError, match=r"store\.db cannot be .*[:;] point state"),
        ):
            store.open()


AS_NOBODY = """
import os, pathlib, sys
from engine.adapters.store import SqlStore, state_database
from engine.domain.errors import StoreUnavailableError
from tests.store.stores import HandClock, change

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = SqlStore(state_database(pathlib.Path(sys.argv[1])), HandClock())
try:
    store.add(change(), None)
except StoreUnavailableError as error:
    print(error)
store.close()
"""


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_that_cannot_be_written_is_said_in_one_sentence(public, there):
    state = public / "state"
    state.mkdir()
    if there:
        with sqlite_store(state) as store:
            store.add(change(), None)
        (state / "store.db").chmod(0o644)
    state.chmod(0o555)

    argv = [sys.executable, "-c", AS_NOBODY, str(state)]
    said = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    state.chmod(0o755)

    assert said.stderr == ""
    assert said.stdout.startswith(f"the store {state}/store.db cannot be ")
    assert said.stdout.endswith("point state.dir at a directory this user may write\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_reported_and_changes_nothing(small_disk):
    with sqlite_store(small_disk) as store:
        kept = store.add(change(), None)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"-" * 4096)

        with pytest.raises(StoreUnavailableError) as refused:
            store.keep_output(kept.id, GateKind.TESTS, os.urandom(60_000))

        assert str(refused.value) == (
            f"the store {small_disk}/store.db cannot grow, the disk is full: "
            "free some space and repeat"
        )
        assert store.open() == (kept,)
        ballast.unlink()
        assert store.move(kept, kept.moved(ChangeState.EXECUTING))


@pytest.mark.parametrize("name", READING)
def test_no_statement_looks_through_all_changes(file, name):
    statement = getattr(statements, name).format(where="")
    values: dict[str, int] | list[int] = [1] * statement.count("?")
    if ":id" in statement:
        fields = ("state", "revision", "updated_at", "open", "document", "id")
        values = dict.fromkeys([*fields, "state_before", "revision_before"], 1)

    with closing(sqlite3.connect(file)) as db:
        explained = db.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()

    plan = [str(line[3]) for line in explained if " changes" in line[3]]
    assert plan
    assert all(line.startswith("SEARCH changes USING ") for line in plan), plan


def test_ten_thousand_ended_changes_do_not_hide_the_open_ones(file):
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("""
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 10000)
            INSERT INTO changes (id, action, target, version, state, revision, updated_at, open,
                turn, document)
            SELECT 'old-' || n, action, target, version, 'failed', 2, updated_at, 0, turn, document
            FROM changes, numbers
        """)

    with sqlite_store(file.parent) as store:
        newest = store.add(change(), None)

        assert len(store.open()) == 2
        assert len(store.recent(50, before=newest.id)) == 50
        assert ids(store.recent(1)) == [newest.id]
