"""A click is tried again while Slack does not say who clicked, and refused at last."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import BOB, eventually


@pytest.mark.requirement("SL-005")
def test_decision_is_refused_while_slack_cannot_identify_the_user(stage):
    change = stage.waiting_change()
    stage.slack.fail("users.info", 500, times=5)
    stage.slack.fail("respond", 503, times=2)

    stage.click("floe_approve", change.id, BOB)

    [text] = eventually(lambda: stage.private_texts(BOB))
    assert "I could not check who you are" in text
    assert "I did nothing" in text
    assert stage.platform.changes.get(change.id).approvals == ()
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)


def test_click_waits_as_long_as_slack_asks(stage):
    change = stage.waiting_change()
    before = len(stage.slack.called("users.info"))
    stage.slack.limit("users.info", 2, times=1)

    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)

    first, second = [at for at, method, _ in stage.slack.calls if method == "users.info"][
        before : before + 2
    ]
    assert second - first >= 2
