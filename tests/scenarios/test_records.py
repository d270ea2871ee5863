"""The local copy of the ledgers for the pages: complete, incremental, and never trusted."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from engine.adapters.store.record_tables import records_database
from engine.adapters.store.records import SqlRecords
from engine.api import Engine
from engine.audit.record_cache import Records
from engine.domain.artifact import Version
from engine.domain.ledger import LedgerEntry
from engine.domain.selection import Selection
from engine.ports import LedgerReader
from engine.ports.record_cache import CachedRecord
from tests.conftest import Place
from tests.scenarios.changing import until
from tests.scenarios.engines import BOB, engine_on, promote
from tests.scenarios.verbs import artifact, build_and_promote, lock, roll_back, unlock

pytestmark = pytest.mark.requirement("WB-001")
EVERYTHING = Selection()


@pytest.fixture
def engine(place: Place, tmp_path: Path) -> Iterator[Engine]:
    with engine_on(place.registry, tmp_path) as running:
        yield running


@pytest.fixture
def records(engine: Engine, tmp_path: Path) -> Iterator[Records]:
    with closing(SqlRecords(records_database(tmp_path / "state"))) as kept:
        yield Records(engine.path.names, engine.runner.ledger, kept, engine.runner.clock)


def summarize(kept: tuple[CachedRecord, ...]) -> list[tuple[str, int, str]]:
    return [(each.environment, each.sequence, each.record.kind) for each in kept]


def test_copy_equals_the_ledgers(place: Place, engine: Engine, records: Records) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    lock(engine)
    unlock(engine)

    complete = records.refresh()

    kept = records.store.page(EVERYTHING, 100)
    assert complete
    assert [(k.digest, k.record) for k in kept] == [
        (entry.digest, entry.record) for entry in engine.history(limit=100)
    ]


def test_later_update_adds_only_new_records(place: Place, engine: Engine, records: Records) -> None:
    build_and_promote(place, engine, "v1.0.0")
    records.refresh()
    build_and_promote(place, engine, "v1.1.0")
    assert promote(engine, "v1.1.0", "prod", BOB).error is None

    records.refresh()

    assert summarize(records.store.page(EVERYTHING, 100)) == [
        ("prod", 1, "promotion"),
        ("staging", 2, "promotion"),
        ("staging", 1, "promotion"),
    ]


@dataclass
class NotedLedger:
    """A ledger that notes the environments whose newest entry is read."""

    ledger: LedgerReader
    read: list[str] = field(default_factory=list)
    pause: Callable[[], object] = lambda: None

    def head(self, environment: str) -> LedgerEntry | None:
        self.read.append(environment)
        self.pause()
        return self.ledger.head(environment)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


def test_move_reads_its_environment_only(place: Place, engine: Engine, records: Records) -> None:
    noted = NotedLedger(records.ledger)
    records.ledger = cast(LedgerReader, noted)
    build_and_promote(place, engine, "v1.0.0")

    assert 0 < records.run() <= records.idle_seconds
    assert noted.read == list(engine.path.names)

    noted.read.clear()
    build_and_promote(place, engine, "v1.1.0")
    records.wake(["staging"])
    assert 0 < records.run() <= records.idle_seconds
    assert noted.read == ["staging"]
    assert len(records.store.page(EVERYTHING, 100)) == 2

    for wake in (records.wake, partial(setattr, records, "_all_due", 0.0)):
        noted.read.clear()
        records.wake(["staging"])
        wake()
        records.run()
        assert noted.read == list(engine.path.names)


def test_long_ledger_is_read_in_steps_newest_first(
    place: Place, engine: Engine, records: Records
) -> None:
    records.step = 2
    build_and_promote(place, engine, *(f"v1.{n}.0" for n in range(5)))

    first = records.refresh()
    missing = records.missing()
    while not records.refresh():
        continue

    assert not first
    assert missing == {"staging": 3}
    assert [place[1] for place in summarize(records.store.page(EVERYTHING, 100))] == [5, 4, 3, 2, 1]


def test_replaced_ledger_is_copied_again(
    place: Place, engine: Engine, records: Records, tmp_path: Path
) -> None:
    build_and_promote(place, engine, "v1.0.0")
    records.refresh()
    covered = records.store.cached_ranges()["staging"]
    assert covered is not None
    forged = covered.__class__(1, 1, engine.history("staging")[0].manifest.digest.of(b"x"), None)
    records.store.extend("staging", [], covered, forged)

    records.refresh()

    assert records.store.cached_ranges()["staging"] == covered


def test_version_has_the_time_it_was_active(place: Place, engine: Engine, records: Records) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    lock(engine)
    roll_back(engine, "v1.0.0")

    records.refresh()

    back, locked, second, first = records.store.page(Selection(environment="staging"), 10)
    assert (back.until, locked.until) == (None, None)
    assert second.until == back.record.at
    assert first.until == second.record.at


def test_records_are_filtered_and_paged(place: Place, engine: Engine, records: Records) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0", "v1.2.0")
    assert promote(engine, "v1.1.0", "prod", BOB).error is None
    records.refresh()

    newest = records.store.page(EVERYTHING, 2)
    last = newest[-1]
    rest = records.store.page(EVERYTHING, 9, (last.record.at, last.environment, last.sequence))

    assert len({*summarize(newest), *summarize(rest)}) == 4
    assert len(records.store.page(Selection(version=Version("v1.1.0")), 9)) == 2
    for name in (BOB.name, BOB.name.upper(), BOB.id):
        assert summarize(records.store.page(Selection(operator=name), 9)) == [
            ("prod", 1, "promotion")
        ]
    assert records.store.page(Selection(kind="lock"), 9) == ()
    digest = str(artifact("v1.2.0").manifest.digest)
    assert len(records.store.page(Selection(digest=digest[:15]), 9)) == 1


def test_recent_versions_are_listed_with_their_environments(
    place: Place, engine: Engine, records: Records
) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    assert promote(engine, "v1.0.0", "prod", BOB).error is None
    records.refresh()

    versions = records.store.versions(5)

    assert versions == ("v1.0.0", "v1.1.0")
    assert records.store.find_placements(versions) == {
        ("v1.0.0", "staging"),
        ("v1.0.0", "prod"),
        ("v1.1.0", "staging"),
    }


def test_simultaneous_refreshes_are_shared(place: Place, engine: Engine, records: Records) -> None:
    build_and_promote(place, engine, "v1.0.0")
    noted, go = NotedLedger(records.ledger), threading.Event()
    records.ledger = cast(LedgerReader, noted)
    noted.pause = go.wait

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(records.refresh)
        assert until(lambda: bool(noted.read))
        others = [pool.submit(records.refresh) for _ in range(19)]
        time.sleep(0.2)
        build_and_promote(place, engine, "v1.1.0")
        go.set()
        assert all(each.result(30) for each in (first, *others))

    assert len(noted.read) == 2 * len(engine.path.names)
    assert len(records.store.page(EVERYTHING, 100)) == 2
