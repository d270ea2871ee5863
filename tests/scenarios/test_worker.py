"""Changes survive kill -9 of their worker in any state, and each ends exactly once (AP-002)."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.changes.worker import Pace
from engine.domain.change import Change, ChangeState
from engine.domain.path import PromotionPath
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.changing import Stage, guarded, stage_on, until
from tests.scenarios.engines import path_of, promotion
from tests.scenarios.verbs import kinds, lock, unlock
from tests.scenarios.waiting import PACE, waiting_path

ROOT = Path(__file__).parents[2]


@contextmanager
def staged(folder: Path, path: PromotionPath, pace: Pace = PACE) -> Iterator[Stage]:
    root = folder / "registry"
    place = Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))
    with stage_on(place, folder, path, pace) as stage:
        yield stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Its gates wait for the file `open`; v1.0.0 and v2.0.0 are built."""
    with staged(tmp_path, waiting_path()) as built:
        built.place.push(image(b"one"), "v1.0.0-dev")
        built.place.push(image(b"two"), "v2.0.0-dev")
        yield built


@contextmanager
def worker(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.scenarios.worker_process", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "working\n"
            yield process
        finally:
            process.kill()


def submit_change(stage: Stage, version: str = "v1.0.0", target: str = "staging") -> Change:
    request = promotion(stage.engine, version, target, stage.members.operator("alice"))
    return stage.changes.submit(request, "cli")


def state(stage: Stage, change: Change) -> ChangeState:
    return stage.changes.get(change.id).state


def is_open(stage: Stage, change: Change) -> bool:
    return stage.changes.get(change.id).open


def reaches_state(stage: Stage, change: Change, wanted: ChangeState) -> bool:
    return until(lambda: state(stage, change) is wanted)


@pytest.mark.requirement("AP-002")
def test_worker_killed_during_a_check_is_replaced_by_one_that_checks_again(stage, tmp_path):
    change = submit_change(stage)
    with worker(tmp_path) as first:
        assert until(lambda: (tmp_path / "runs").exists())
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert state(stage, change) is ChangeState.CHECKING

    (tmp_path / "open").touch()
    with worker(tmp_path):
        assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)

    assert (tmp_path / "runs").read_text().count("ran") == 2


@pytest.mark.requirement("AP-002")
def test_worker_killed_while_a_change_waits_loses_no_approval(stage, tmp_path):
    (tmp_path / "open").touch()
    change = submit_change(stage)
    with worker(tmp_path):
        assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)

    stage.approve(change)
    with worker(tmp_path):
        assert reaches_state(stage, change, ChangeState.PROMOTED)

    assert kinds(stage.engine) == ["promotion"]


@pytest.mark.requirement("AP-002")
def test_worker_killed_during_execution_is_replaced_by_one_that_completes(stage, tmp_path):
    (tmp_path / "open").touch()
    change = submit_change(stage)
    with worker(tmp_path) as first:
        assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)
        with stage.engine.runner.leases.hold("staging"):
            stage.approve(change)
            time.sleep(0.5)
            first.send_signal(signal.SIGKILL)
            first.wait()
    assert state(stage, change) is ChangeState.EXECUTING

    with worker(tmp_path):
        assert reaches_state(stage, change, ChangeState.PROMOTED)
    assert kinds(stage.engine) == ["promotion"]


@pytest.mark.requirement("AP-002")
def test_kills_at_any_moment_end_every_change_exactly_once(stage, tmp_path):
    (tmp_path / "open").touch()
    chance = random.Random(4711)
    change = submit_change(stage)
    for _ in range(8):
        with worker(tmp_path) as process:
            if state(stage, change) is ChangeState.AWAITING_APPROVAL:
                stage.approve(change)
            time.sleep(chance.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
    with worker(tmp_path):
        undecided = ChangeState.AWAITING_APPROVAL
        assert until(lambda: state(stage, change) is undecided or not is_open(stage, change))
        if state(stage, change) is undecided:
            stage.approve(change)
        assert reaches_state(stage, change, ChangeState.PROMOTED)

    assert kinds(stage.engine) == ["promotion"]
    assert stage.engine.verify("staging", stage.progress).sound


def test_claimed_change_is_not_taken_by_another_worker(stage, tmp_path):
    change = submit_change(stage)
    with worker(tmp_path), worker(tmp_path):
        assert until(lambda: (tmp_path / "runs").exists())
        time.sleep(3 * PACE.claim)
        (tmp_path / "open").touch()
        assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)

    assert (tmp_path / "runs").read_text().count("ran") == 1


def test_stop_hands_gates_back_instead_of_failing_them(stage, tmp_path):
    change = submit_change(stage)
    stage.platform.worker.start()
    assert until(lambda: (tmp_path / "runs").exists())

    stage.engine.runner.gate_runner.stop()
    stage.platform.worker.stop()

    assert state(stage, change) is ChangeState.CHECKING
    (tmp_path / "open").touch()
    with worker(tmp_path):
        assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)


def test_environments_are_served_concurrently_and_one_change_at_a_time(tmp_path):
    free = guarded(required=0, groups=None)
    with staged(tmp_path, path_of("dev", free)) as stage:
        for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
            stage.place.push(image(version.encode()), f"{version}-dev")
        changes = [submit_change(stage, v) for v in ("v1.0.0", "v2.0.0", "v3.0.0")]

        stage.platform.worker.start()
        done = until(lambda: not stage.platform.store.open())
        stage.platform.worker.stop()

        assert done
        assert {state(stage, change) for change in changes} == {ChangeState.PROMOTED}
        assert kinds(stage.engine) == ["promotion"] * 3


def test_worker_continues_after_a_lock_is_lifted(stage, tmp_path):
    (tmp_path / "open").touch()
    change = submit_change(stage)
    carol = stage.members.operator("carol")
    stage.platform.worker.start()
    assert reaches_state(stage, change, ChangeState.AWAITING_APPROVAL)
    with stage.engine.runner.leases.hold("prod"):
        stage.approve(change)
    assert reaches_state(stage, change, ChangeState.PROMOTED)
    other = submit_change(stage, "v2.0.0")
    assert reaches_state(stage, other, ChangeState.AWAITING_APPROVAL)
    stage.platform.worker.stop()
    stage.approve(other)
    lock(stage.engine, "staging", carol)
    assert stage.settle(stage.changes.get(other.id)).state is ChangeState.AWAITING_APPROVAL

    unlock(stage.engine, "staging", carol)
    with worker(tmp_path):
        assert reaches_state(stage, other, ChangeState.PROMOTED)
