"""Approvers in Slack must still be authorized when the change is written."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.domain.artifact import Tag
from engine.domain.change import Change, ChangeState
from tests.bot.stage import BOB, Stage, eventually, stage_in

pytestmark = pytest.mark.requirement("SL-003")
ERIN = "U05ERIN"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Erin is an approver only through a Slack user group."""
    with stage_in(tmp_path) as built:
        built.slack.person(ERIN, "erin@acme.com")
        built.slack.groups["release-managers"] = [ERIN]
        yield built


def approve(stage: Stage, user: str, before_execution: Callable[[], object]) -> Change:
    """Let `user` approve, and run `before_execution` before the change is carried out."""
    change = stage.waiting_change()
    with stage.platform.engine.runner.leases.hold("prod"):
        stage.click("floe_approve", change.id, user)
        stage.change(ChangeState.EXECUTING)
        before_execution()
    return change


def prod(stage: Stage) -> object:
    return stage.platform.engine.runner.registry.resolve(Tag("v1.0.0-prod"))


def leave_the_group(stage: Stage) -> None:
    stage.slack.groups["release-managers"] = [BOB]
    stage.event({"type": "subteam_updated", "user": {"id": ERIN}})


def be_deactivated(stage: Stage) -> None:
    stage.slack.users[ERIN]["deleted"] = True


@pytest.mark.parametrize("happens", [leave_the_group, be_deactivated])
def test_approval_of_a_former_approver_no_longer_counts(
    stage: Stage, happens: Callable[[Stage], None]
) -> None:
    change = approve(stage, ERIN, lambda: happens(stage))

    waits = stage.change(ChangeState.AWAITING_APPROVAL)

    assert (waits.id, waits.approvals) == (change.id, ())
    assert prod(stage) is None
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)


def test_change_waits_until_slack_confirms_the_approver(
    stage: Stage,
) -> None:
    asked: list[int] = []

    def slack_goes_down() -> None:
        asked.append(len(stage.slack.called("users.info")))
        stage.slack.fail("users.info", 500, times=1000)

    approve(stage, ERIN, slack_goes_down)
    eventually(lambda: len(stage.slack.called("users.info")) > asked[0])

    assert stage.change(ChangeState.EXECUTING)
    assert prod(stage) is None
    stage.slack.heal()
    stage.change(ChangeState.PROMOTED)
    assert prod(stage) is not None
