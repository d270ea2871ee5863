"""A worker that lost its claim on a change stops: nothing takes effect after the loss."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.store import SqlStore, state_database
from engine.bootstrap import SystemClock
from engine.changes.foreground import Foreground
from engine.changes.heartbeat import Claim, ClaimLostError
from engine.changes.memberships import Regroup
from engine.changes.sweeper import Workplace
from engine.changes.worker import Pace, Worker
from engine.domain.change import Change, ChangeState
from engine.domain.errors import IdentityUnavailableError, StoreUnavailableError
from engine.domain.operator import Operator
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on, until
from tests.scenarios.engines import ProgressLog, gate, path_of, promotion
from tests.scenarios.verbs import kinds
from tests.scenarios.waiting import PACE

pytestmark = pytest.mark.requirement("AP-002")
_HOUR = timedelta(hours=1)
_GATE = "echo $$ >> runs; while [ ! -e open ]; do sleep 0.02; done"


class CutOffStore(SqlStore):
    """A real store to which one worker cannot write its renewals while it is `cut_off`."""

    cut_off = False
    claimed = False

    def claim(
        self,
        worker: str,
        now: datetime,
        lasting: timedelta,
        only: str | None = None,
        accepts: Callable[[str, str], bool] = lambda _product, _change: True,
    ) -> Change | None:
        found = super().claim(worker, now, lasting, only, accepts)
        self.claimed = self.claimed or found is not None
        return found

    def renew(self, change_id: str, worker: str, now: datetime, lasting: timedelta) -> bool:
        if self.cut_off:
            raise StoreUnavailableError("the store does not answer this worker")
        return super().renew(change_id, worker, now, lasting)


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Its gates write their process id to `runs` and wait for the file `open`."""
    tests = replace(gate("sh", "-c", _GATE), timeout_seconds=600)
    staging = replace(guarded(), gates=(tests,))
    with stage_on(place, tmp_path, path_of("dev", staging, "prod"), PACE) as built:
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


@pytest.fixture
def store(stage: Stage, tmp_path: Path) -> Iterator[CutOffStore]:
    opened = CutOffStore(state_database(tmp_path / "state"), SystemClock())
    yield opened
    opened.close()


@contextmanager
def run_worker(
    stage: Stage, store: SqlStore, pace: Pace = PACE, regroup: Regroup | None = None
) -> Iterator[None]:
    platform = stage.platform
    asked = regroup or platform.progression.regroup
    progression = replace(platform.progression, store=store, regroup=asked)
    place = Workplace(replace(stage.changes, store=store), progression)
    worker = Worker({"": place}, store, SystemClock(), 1, pace=pace)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def submit_change(stage: Stage) -> Change:
    request = promotion(stage.engine, "v1.0.0", "staging", stage.members.operator("alice"))
    return stage.changes.submit(request, "cli")


def gate_processes(folder: Path) -> list[int]:
    runs = folder / "runs"
    return [int(line) for line in runs.read_text().split()] if runs.exists() else []


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def claimed_by_another(stage: Stage, change: Change) -> bool:
    """
    Return whether a second worker holds the change, which it claims after the first claim expired.
    """
    store, now = stage.platform.store, SystemClock().now()
    claimed = store.claim("second", now, _HOUR, only=change.id)
    return claimed is not None or store.renew(change.id, "second", now, _HOUR)


def test_worker_that_lost_its_claim_ends_its_gates_and_the_other_one_decides(
    stage, store, tmp_path
):
    change = submit_change(stage)
    with run_worker(stage, store):
        assert until(lambda: len(gate_processes(tmp_path)) == 1)
        store.cut_off = True
        with run_worker(stage, stage.platform.store):
            assert until(lambda: len(gate_processes(tmp_path)) == 2)
            store.cut_off = False
            first, second = gate_processes(tmp_path)

            assert until(lambda: not is_running(first))
            assert is_running(second)
            (tmp_path / "open").touch()
            waiting = ChangeState.AWAITING_APPROVAL
            assert until(lambda: stage.changes.get(change.id).state is waiting)

    events = [event.kind for event in stage.platform.store.events_of(change.id)]
    assert events.count("gate_finished") == 1
    assert events.count("awaiting_approval") == 1


def test_worker_that_lost_its_claim_while_it_waited_for_the_lease_writes_nothing(
    stage, store, tmp_path, caplog
):
    (tmp_path / "open").touch()
    change = stage.settle(submit_change(stage))
    caplog.set_level(logging.INFO, "engine.changes")
    with run_worker(stage, store):
        with stage.engine.runner.leases.hold("staging"):
            stage.approve(change)
            assert until(lambda: stage.changes.get(change.id).state is ChangeState.EXECUTING)
            assert until(lambda: store.claimed)
            store.cut_off = True
            assert until(lambda: claimed_by_another(stage, change))
            store.cut_off = False
        assert until(lambda: f"change {change.id} of staging stopped" in caplog.text)

        assert kinds(stage.engine) == []
        assert stage.changes.get(change.id).state is ChangeState.EXECUTING

    assert stage.settle(stage.changes.get(change.id)).state is ChangeState.PROMOTED


def test_command_that_lost_its_claim_follows_the_other_worker(stage, store, tmp_path):
    change = submit_change(stage)
    command = Foreground(replace(stage.platform.progression, store=store), store)
    with ThreadPoolExecutor(1) as commands:
        ended = commands.submit(command.settle, change, ProgressLog())
        assert until(lambda: len(gate_processes(tmp_path)) == 1)
        store.cut_off = True
        with run_worker(stage, stage.platform.store):
            assert until(lambda: len(gate_processes(tmp_path)) == 2, 120)
            store.cut_off = False
            assert until(lambda: not is_running(gate_processes(tmp_path)[0]))
            (tmp_path / "open").touch()

            assert ended.result(60).state is ChangeState.AWAITING_APPROVAL

    events = [event.kind for event in stage.platform.store.events_of(change.id)]
    assert events.count("gate_finished") == 1


def test_worker_without_its_claim_moves_no_change(stage, store, tmp_path):
    (tmp_path / "open").touch()
    change = submit_change(stage)
    claim = Claim(store, SystemClock(), change.id, "first", seconds=60)
    progression = replace(stage.platform.progression, claim=claim)

    with pytest.raises(ClaimLostError, match=f"another worker claimed {change.id}"):
        progression.settle(change, ProgressLog())

    assert stage.changes.get(change.id) == change


def unavailable(operator: Operator) -> Operator:
    raise IdentityUnavailableError(f"Slack does not confirm {operator.name} to this server")


def test_change_that_failed_in_one_worker_is_taken_by_another_one_immediately(
    stage, store, tmp_path, caplog
):
    (tmp_path / "open").touch()
    change = stage.settle(submit_change(stage))
    stage.approve(change)
    pace = replace(PACE, retry=300)
    with run_worker(stage, store, pace, regroup=unavailable):
        assert until(lambda: f"{change.id} of staging is retried" in caplog.text)
        with run_worker(stage, stage.platform.store, pace):
            assert until(lambda: stage.changes.get(change.id).state is ChangeState.PROMOTED)

    assert caplog.text.count("is retried") == 1


def test_worker_retries_a_change_that_failed_after_a_pause(stage, store, tmp_path, caplog):
    (tmp_path / "open").touch()
    change = stage.settle(submit_change(stage))
    stage.approve(change)
    with run_worker(stage, store, replace(PACE, retry=0.5), regroup=unavailable):
        assert until(lambda: caplog.text.count("is retried") >= 2)

    times = [r.created for r in caplog.records if "is retried" in r.getMessage()]
    assert times[1] - times[0] >= 0.5
