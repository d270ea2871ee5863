"""A change without approvals is carried out exactly as it was checked, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import Change, ChangeState
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import path_of, promotion

pytestmark = pytest.mark.requirement("FR-006")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    """Staging has a gate and needs no approval."""
    path = path_of("dev", guarded(required=0, groups=None), "prod")
    with stage_on(place, tmp_path, path) as built:
        place.push(image(b"zero"), "v0.9.0-dev")
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def check(stage: Stage, version: str = "v1.0.0") -> Change:
    operator = stage.members.operator("alice")
    change = stage.changes.submit(promotion(stage.engine, version, "staging", operator), "web")
    return stage.platform.progression.advance(change, stage.progress)


def test_artifact_the_gates_did_not_see_is_not_promoted(stage: Stage) -> None:
    change = check(stage)
    assert change.state is ChangeState.EXECUTING
    stage.place.push(image(b"another"), "v1.0.0-dev")
    before = stage.tags()

    ended = stage.settle(change)

    assert ended.state is ChangeState.STALE
    assert ended.ended is not None
    assert "the artifact changed from" in ended.ended.message
    assert stage.tags() == before


def test_rules_changed_after_the_check_stop_the_change(stage: Stage) -> None:
    change = check(stage)
    stage.rules.digest = f"sha256:{'d' * 64}"
    before = stage.tags()

    ended = stage.settle(change)

    assert ended.state is ChangeState.STALE
    assert stage.tags() == before


def test_another_version_that_arrived_since_does_not_stop_the_change(stage: Stage) -> None:
    first, second = check(stage, "v0.9.0"), check(stage)

    assert stage.settle(first).state is ChangeState.PROMOTED
    assert stage.settle(second).state is ChangeState.PROMOTED
