"""A waiting change shows the deployed version if it differs from the ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, stage_on

BY_HAND = image(b"by hand")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
    with stage_on(place, tmp_path) as built:
        yield built


@pytest.mark.requirement("AP-001")
def test_approver_sees_that_the_target_was_moved_outside_floe(stage: Stage) -> None:
    stage.settle(stage.approve(stage.ask("v1.0.0")))
    stage.place.push(BY_HAND, "latest-staging")

    change = stage.ask("v2.0.0")

    assert change.state is ChangeState.AWAITING_APPROVAL
    found = BY_HAND.manifest.digest.short
    assert change.warnings == (
        f"staging has drifted: deployed: {found}, moved outside floe; should be v1.0.0",
    )


def test_target_without_drift_causes_no_warning(stage: Stage) -> None:
    assert stage.ask("v1.0.0").warnings == ()
