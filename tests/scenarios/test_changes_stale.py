"""An approval is bound to the approved content: any difference makes the change stale (AP-001)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain.change import Change, ChangeState
from engine.domain.errors import EnvironmentLockedError, StaleError
from engine.domain.request import PromotionRequest
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.changing import APPROVERS, Stage, stage_on
from tests.scenarios.engines import promotion
from tests.scenarios.verbs import lock, unlock

pytestmark = pytest.mark.requirement("AP-001")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with stage_on(place, tmp_path) as built:
        place.push(image(b"zero"), "v0.9.0-dev")
        place.push(image(b"one"), "v1.0.0-dev")
        yield built


def another_artifact(stage: Stage) -> None:
    stage.place.push(image(b"another"), "v1.0.0-dev")


def other_rules(stage: Stage) -> None:
    stage.rules.digest = f"sha256:{'d' * 64}"


def another_version_runs(stage: Stage) -> None:
    """Deploy v0.9.0 past this store, as another machine would."""
    plan = stage.engine.plan(asked_by_dave(stage, "v0.9.0"), stage.progress)
    done = stage.engine.runner.execute(
        plan, stage.progress, lambda p: replace(p, approvals_required=0)
    )
    assert done.error is None


def asked_by_dave(stage: Stage, version: str) -> PromotionRequest:
    return promotion(stage.engine, version, "staging", stage.members.operator("dave"))


DIFFERENCES: dict[str, tuple[Callable[[Stage], None], str]] = {
    "the artifact's tag": (another_artifact, "the artifact changed from"),
    "the rules": (other_rules, "the rules changed from"),
    "the running version": (
        another_version_runs,
        "the running version changed from nothing to v0.9.0",
    ),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_difference_before_the_click_is_named_and_nothing_is_written(stage, difference):
    asked = stage.ask()
    change, field = DIFFERENCES[difference]
    change(stage)
    before = stage.tags()

    with pytest.raises(StaleError, match=f"is stale: {field}"):
        stage.approve(asked)

    stale = stage.changes.get(asked.id)
    assert stale.state is ChangeState.STALE
    assert field in stale.ended.message
    assert stage.tags() == before


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_difference_between_click_and_write_is_named_and_nothing_is_written(stage, difference):
    decided = stage.approve(stage.ask())
    change, field = DIFFERENCES[difference]
    change(stage)
    before = stage.tags()

    ended = stage.settle(decided)

    assert ended.state is ChangeState.STALE, ended.ended
    assert field in ended.ended.message
    assert stage.tags() == before


def test_lock_before_the_click_refuses_it_and_the_change_waits(stage):
    asked = stage.ask()
    lock(stage.engine, "staging", stage.members.operator("carol"))

    with pytest.raises(EnvironmentLockedError):
        stage.approve(asked)
    assert stage.changes.get(asked.id).state is ChangeState.AWAITING_APPROVAL

    unlock(stage.engine, "staging", stage.members.operator("carol"))
    assert stage.settle(stage.approve(asked)).state is ChangeState.PROMOTED


def test_lock_after_the_click_delays_the_approved_change_until_unlock(stage):
    decided = stage.approve(stage.ask())
    lock(stage.engine, "staging", stage.members.operator("carol"))

    waiting = stage.settle(decided)
    assert waiting.state is ChangeState.AWAITING_APPROVAL
    assert len(waiting.approvals) == 1
    assert stage.changes.resume_due() == ()

    unlock(stage.engine, "staging", stage.members.operator("carol"))
    [resumed] = stage.changes.resume_due()
    assert stage.settle(resumed).state is ChangeState.PROMOTED


def test_approver_who_left_the_group_before_the_click_does_not_count(stage):
    asked = stage.ask()
    stage.members.dismiss(APPROVERS)

    with pytest.raises(Exception, match="Required groups"):
        stage.approve(asked)


def test_approver_who_left_the_group_after_the_click_stops_counting(stage):
    decided = stage.approve(stage.ask())
    stage.members.dismiss(APPROVERS)

    waiting = stage.settle(decided)

    assert waiting.state is ChangeState.AWAITING_APPROVAL
    assert waiting.approvals == ()
    assert "v1.0.0-staging" not in stage.tags()


def test_requester_who_lost_the_right_is_refused_under_the_lease(stage):
    decided: Change = stage.approve(stage.ask())
    stage.members.dismiss("developers")

    ended = stage.settle(decided)

    assert ended.state is ChangeState.BLOCKED
    assert ended.ended.exit_code == 12
    assert "v1.0.0-staging" not in stage.tags()


def test_refusals_locks_and_gate_times_are_no_difference(stage):
    asked = stage.ask()
    stage.engine.run(asked_by_dave(stage, "v1.0.0"), stage.progress)
    lock(stage.engine, "staging", stage.members.operator("carol"))
    unlock(stage.engine, "staging", stage.members.operator("carol"))

    assert stage.settle(stage.approve(asked)).state is ChangeState.PROMOTED
