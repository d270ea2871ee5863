"""Only the newest request of several waiting changes for one environment stays."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.store import SqlStore, state_database
from engine.domain.change import Change, ChangeState
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.changing import Stage, stage_on, until
from tests.scenarios.engines import ProgressLog, promotion
from tests.scenarios.waiting import waiting_path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Its gates wait for the file `open`; v1.0.0 and v2.0.0 are built."""
    root = tmp_path / "registry"
    place = Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))
    with stage_on(place, tmp_path, waiting_path()) as built:
        built.place.push(image(b"one"), "v1.0.0-dev")
        built.place.push(image(b"two"), "v2.0.0-dev")
        yield built


def submit_change(stage: Stage, version: str) -> Change:
    request = promotion(stage.engine, version, "staging", stage.members.operator("alice"))
    return stage.changes.submit(request, "cli")


def state(stage: Stage, change: Change) -> ChangeState:
    return stage.changes.get(change.id).state


def test_change_cancelled_during_its_check_supersedes_nothing(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "open").touch()
    waits = stage.ask("v1.0.0")
    (tmp_path / "open").unlink()
    newer = submit_change(stage, "v2.0.0")

    with ThreadPoolExecutor(1) as pool:
        settled = pool.submit(stage.settle, newer)
        assert until(lambda: (tmp_path / "runs").read_text().count("ran") == 2)
        stage.changes.cancel(newer.id, stage.members.operator("alice"), "cli")
        (tmp_path / "open").touch()
        ended = settled.result(60)

    assert ended.state is ChangeState.CANCELLED
    assert state(stage, waits) is ChangeState.AWAITING_APPROVAL


class Meeting(SqlStore):
    """Makes the first reader wait until the second one has read too."""

    def meet(self, parties: int) -> None:
        self.barrier = threading.Barrier(parties, timeout=60)
        self.seen = threading.local()

    def open(self, target: str | None = None) -> tuple[Change, ...]:
        found = super().open(target)
        if not hasattr(self.seen, "already"):
            self.seen.already = True
            self.barrier.wait()
        return found


def test_newer_of_two_simultaneous_changes_stays(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "open").touch()
    older, newer = submit_change(stage, "v1.0.0"), submit_change(stage, "v2.0.0")

    with (
        closing(Meeting(state_database(tmp_path / "state"), stage.clock)) as store,
        ThreadPoolExecutor(2) as pool,
    ):
        store.meet(2)
        progression = replace(stage.platform.progression, store=store)
        list(pool.map(lambda change: progression.settle(change, ProgressLog()), (older, newer)))

    assert state(stage, older) is ChangeState.SUPERSEDED
    assert state(stage, newer) is ChangeState.AWAITING_APPROVAL
    assert stage.changes.get(older.id).superseded_by == newer.id
