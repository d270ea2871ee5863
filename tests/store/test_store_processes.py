"""Processes that share a store, in every kind of database, do each thing once."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.adapters.store import SqlStore
from engine.ports.change_store import ChangeStore
from tests.store.databases import Databases
from tests.store.stores import HandClock, change, executing

REPOSITORY = Path(__file__).parents[2]

PRELUDE = """
import json, pathlib, sys
from concurrent.futures import ThreadPoolExecutor
from engine.adapters.store import SqlStore
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON, HandClock, change

folder, url, schema, name = json.loads(sys.argv[1])
databases = Databases(pathlib.Path(folder), url, schema)
store = SqlStore(databases.state(100), HandClock())
print("ready", flush=True)
sys.stdin.readline()
"""
ASKERS = """
def ask(number):
    asked = change(f"v1.0.{number % 5}", target="prod", id=f"c-{name}-{number}")
    return store.add(asked, f"key-{number % 5}", [("submitted", {})]).id

with ThreadPoolExecutor(20) as pool:
    print(json.dumps(list(pool.map(ask, range(20)))))
databases.close()
"""
CLAIMERS = """
with ThreadPoolExecutor(4) as pool:
    found = pool.map(lambda number: store.claim(f"{name}-{number}", NOON, MINUTE), range(12))
    print(json.dumps([claimed.id for claimed in found if claimed]))
databases.close()
"""

pytestmark = pytest.mark.timeout(480)


def answers(databases: Databases, code: str) -> list[list[str]]:
    """Run `code` in two processes at the same time, and return their output."""
    processes = [_start(databases, code, name) for name in ("a", "b")]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _start(databases: Databases, code: str, name: str) -> subprocess.Popen[str]:
    place = json.dumps([str(databases.folder), databases.url, databases.schema, name])
    argv: Sequence[str] = [sys.executable, "-c", PRELUDE + code, place]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(argv, cwd=REPOSITORY, text=True, **pipes)


@pytest.mark.requirement("SL-005")
def test_a_key_raced_by_two_processes_of_twenty_threads_adds_one_change(
    databases: Databases,
) -> None:
    first, second = answers(databases, ASKERS)

    store = SqlStore(databases.state(), HandClock())
    stored = {each.id for each in store.open()}
    assert first[:5] == first[5:10] == first[10:15] == first[15:] == second[:5]
    assert {*first, *second} == stored
    assert len(stored) == len(store.events(0)) == 5


@pytest.mark.requirement("AP-002")
def test_a_change_raced_by_two_processes_is_claimed_once(
    databases: Databases, store: ChangeStore
) -> None:
    for number in range(5):
        executing(store, store.add(change(target=f"env-{number}"), None))

    claimed = Counter(each for found in answers(databases, CLAIMERS) for each in found)

    assert claimed == {each.id: 1 for each in store.open()}
