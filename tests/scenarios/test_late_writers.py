"""Writers that were suspended after their claim, seen by the next writer and by a server."""

from pathlib import Path

import pytest

from engine.adapters.state import FileLeases
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.status import Alignment
from engine.execution.entry_reconciler import EntryReconciler
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.claiming import kill_after_the_claim, warnings
from tests.scenarios.engines import promote, with_parts
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import kinds, lock


def move_late(shared: Engine) -> None:
    """The writer of v1.0.1 moves `latest` after two other promotions."""
    kill_after_the_claim(shared, "v1.0.1")
    for version in ("v1.0.2", "v1.0.3"):
        assert promote(shared, version, "staging").error is None
    registry = shared.runner.registry
    late = registry.fetch(Tag("v1.0.1-staging"))
    assert late is not None
    registry.put(late, Tag("latest-staging"))
    assert shared.status()[1].alignment is Alignment.DRIFTED


def test_latest_of_a_suspended_writer_is_put_right_by_the_next_one(
    shared: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    move_late(shared)

    assert lock(shared).error is None

    assert shared.status()[1].alignment is Alignment.ALIGNED
    assert "completed staging v1.0.3: moved late by a suspended writer" in warnings(caplog)[-1]


def test_latest_of_a_suspended_writer_is_put_right_in_the_background(shared: Engine) -> None:
    move_late(shared)
    reconciler = EntryReconciler(shared.runner)

    reconciler.reconcile()

    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_entry_of_a_killed_writer_is_completed_in_the_background(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")
    reconciler = EntryReconciler(shared.runner)

    reconciler.reconcile()

    assert kinds(shared) == ["promotion"]
    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_server_completes_claimed_entries_when_it_starts(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    shared.complete_interrupted()

    assert kinds(shared) == ["promotion"]
    assert shared.status()[1].alignment is Alignment.ALIGNED


def test_latest_that_was_moved_by_hand_stays(shared: Engine, place: Place) -> None:
    move_late(shared)
    place.push(image(b"by hand"), "v1.0.4-dev")
    Hand(place).point("latest-staging", at="v1.0.4-dev")

    EntryReconciler(shared.runner).reconcile()
    assert lock(shared).error is None

    assert shared.status()[1].alignment is Alignment.DRIFTED


def test_background_work_leaves_a_living_writer_alone(shared: Engine, tmp_path: Path) -> None:
    kill_after_the_claim(shared, "v1.0.1")
    idle = with_parts(shared, leases=FileLeases(tmp_path / "leases", 0))

    with shared.runner.leases.hold("staging"):
        EntryReconciler(idle.runner).reconcile()

    assert kinds(shared) == []
