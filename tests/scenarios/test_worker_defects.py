"""An unexpected exception in one change does not stop the worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.bootstrap import SystemClock
from engine.changes.sweeper import Workplace
from engine.changes.worker import Worker
from engine.domain.change import Change, ChangeState
from tests.builders import image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.changing import Stage, guarded, stage_on, until
from tests.scenarios.engines import path_of, promotion
from tests.scenarios.waiting import PACE


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Staging needs no approval; v1.0.0 and v2.0.0 are built."""
    root = tmp_path / "registry"
    place = Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))
    with stage_on(place, tmp_path, path_of("dev", guarded(0, None)), PACE) as built:
        built.place.push(image(b"one"), "v1.0.0-dev")
        built.place.push(image(b"two"), "v2.0.0-dev")
        yield built


def submit_change(stage: Stage, version: str) -> Change:
    request = promotion(stage.engine, version, "staging", stage.members.operator("alice"))
    return stage.changes.submit(request, "cli")


def test_failing_listener_does_not_stop_the_next_change(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Change] = []

    def fail_once(change: Change) -> None:
        seen.append(change)
        if len(seen) == 1:
            raise ZeroDivisionError("listener fails")

    platform = stage.platform
    place = Workplace(stage.changes, platform.progression, fail_once)
    worker = Worker({"": place}, platform.store, SystemClock(), 1, pace=PACE)
    worker.start()
    try:
        for number, version in enumerate(("v1.0.0", "v2.0.0"), 1):
            change = submit_change(stage, version)
            assert until(lambda number=number: len(seen) == number)
            assert stage.changes.get(change.id).state is ChangeState.PROMOTED
    finally:
        worker.stop()

    assert "listener fails" in caplog.text
