"""With a command and a server on one state directory, one of them works on each change."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.change import Change, ChangeState
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.changing import Stage, stage_on, until
from tests.scenarios.engines import ProgressLog, promotion
from tests.scenarios.waiting import PACE, waiting_path

pytestmark = pytest.mark.requirement("SL-005", "FR-006")
PACE_CLAIM = timedelta(seconds=PACE.claim)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Its gate waits for the file `open`, and adds a line to `runs`."""
    root = tmp_path / "registry"
    place = Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))
    with stage_on(place, tmp_path, waiting_path(), PACE) as built:
        built.place.push(image(b"one"), "v1.0.0-dev")
        yield built


def submit_change(stage: Stage) -> Change:
    operator = stage.members.operator("alice")
    return stage.changes.submit(promotion(stage.engine, "v1.0.0", "staging", operator), "cli")


def test_gates_run_once_with_a_worker_and_a_command(stage: Stage, tmp_path: Path) -> None:
    change = submit_change(stage)
    stage.platform.worker.start()
    with ThreadPoolExecutor(2) as commands:
        foreground = stage.platform.foreground
        ends = [commands.submit(foreground.settle, change, ProgressLog()) for _ in range(2)]
        assert until(lambda: (tmp_path / "runs").exists())
        (tmp_path / "open").touch()
        states = {end.result(60).state for end in ends}
    stage.platform.worker.stop()

    assert states == {ChangeState.AWAITING_APPROVAL}
    assert (tmp_path / "runs").read_text().count("ran") == 1


def test_change_of_a_dead_command_is_resumed(stage: Stage, tmp_path: Path) -> None:
    change = submit_change(stage)
    (tmp_path / "open").touch()
    stage.platform.store.claim("died", stage.engine.runner.clock.now(), PACE_CLAIM, only=change.id)

    ended = stage.platform.foreground.settle(change, stage.progress)

    assert ended.state is ChangeState.AWAITING_APPROVAL
    assert any(change.id in step for step in stage.progress.steps)
