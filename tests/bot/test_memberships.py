"""Whoever agreed in Slack must still be somebody who may, at the moment of writing."""

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
    """Erin is an approver by a user group of Slack alone."""
    with stage_in(tmp_path) as built:
        built.slack.person(ERIN, "erin@acme.com")
        built.slack.groups["release-managers"] = [ERIN]
        yield built


def approved(stage: Stage, user: str, meanwhile: Callable[[], object]) -> Change:
    """Approved by `user`, with something that happens before it is carried out."""
    change = stage.waiting_change()
    with stage.platform.engine.leases.hold("prod"):
        stage.click("floe_approve", change.id, user)
        stage.change(ChangeState.EXECUTING)
        meanwhile()
    return change


def prod(stage: Stage) -> object:
    return stage.platform.engine.registry.resolve(Tag("v1.0.0-prod"))


def leave_the_group(stage: Stage) -> None:
    stage.slack.groups["release-managers"] = [BOB]
    stage.event({"type": "subteam_updated", "user": {"id": ERIN}})


def be_deactivated(stage: Stage) -> None:
    stage.slack.users[ERIN]["deleted"] = True


@pytest.mark.parametrize("happens", [leave_the_group, be_deactivated])
def test_an_approval_of_somebody_who_may_no_longer_stops_counting(
    stage: Stage, happens: Callable[[Stage], None]
) -> None:
    change = approved(stage, ERIN, lambda: happens(stage))

    waits = stage.change(ChangeState.AWAITING_APPROVAL)

    assert (waits.id, waits.approvals) == (change.id, ())
    assert prod(stage) is None
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)


def test_while_slack_cannot_say_the_change_is_not_carried_out_and_then_it_is(
    stage: Stage,
) -> None:
    asked: list[int] = []

    def slack_goes_down() -> None:
        asked.append(len(stage.slack.called("users.info")))
        stage.slack.fail("users.info", 500, times=1000)

    approved(stage, ERIN, slack_goes_down)
    eventually(lambda: len(stage.slack.called("users.info")) > asked[0])

    assert stage.change(ChangeState.EXECUTING)
    assert prod(stage) is None
    stage.slack.heal()
    stage.change(ChangeState.PROMOTED)
    assert prod(stage) is not None
