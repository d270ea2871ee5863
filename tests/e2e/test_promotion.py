"""From the command to the tag: asked for by one person in Slack, agreed to by another."""

import pytest

from tests.bot.stage import buttons, said
from tests.e2e.workspace import change_of
from tests.peers.local_slack import ALICE, BOB, DAVE

pytestmark = pytest.mark.timeout(300)


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-003")
def test_a_promotion_is_verified_told_agreed_to_and_carried_out(slack):
    slack.in_staging("v1.0.0")

    slack.slack.command(ALICE, "/promote v1.0.0 staging prod")
    root = slack.root("v1.0.0", "Waiting for approval")
    ask = slack.ask(root)

    lines = [said(m) for m in slack.thread(root)]
    assert [line for line in lines if "tests" in line and "passed" in line]
    assert [line for line in lines if "cost_analysis" in line and "passed" in line]
    assert "<!subteam^SRELEASEMANAGERS>" in said(ask)
    assert slack.tagged("v1.0.0-prod") is None

    slack.slack.click(BOB, ask, "floe_approve")

    root = slack.root("v1.0.0", "Promoted")
    assert f"approved by <@{BOB}>" in said(root)
    assert slack.tagged("v1.0.0-prod") == slack.tagged("v1.0.0-dev")
    slack.eventually(lambda: slack.part(root, "end"))
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert len([m for m in slack.slack.messages() if "v1.0.0:" in m["text"]]) == 1
    assert slack.change(change_of(root)).approvals[0].operator == "bob@acme.com"


@pytest.mark.requirement("SL-003")
def test_the_requester_and_strangers_may_not_agree(slack):
    slack.in_staging("v1.1.0")
    slack.slack.command(ALICE, "/promote v1.1.0 prod")
    ask = slack.ask(root := slack.root("v1.1.0", "Waiting for approval"))

    for person, words in (
        (ALICE, "Somebody else must decide"),
        (DAVE, "Required groups: [release-managers]"),
    ):
        slack.slack.click(person, ask, "floe_approve")
        assert slack.told(person, words).startswith("Not approved: ")

    assert slack.change(change_of(root)).approvals == ()
    assert buttons(slack.ask(root)) == ["floe_approve", "floe_reject"]


@pytest.mark.requirement("SL-003")
def test_what_a_gate_refuses_is_told_and_nobody_is_asked(slack):
    slack.in_staging("v6.0.0")

    slack.slack.command(ALICE, "/promote v6.0.0 prod")

    root = slack.root("v6.0.0", "Blocked")
    slack.eventually(lambda: slack.part(root, "end"))
    told = "".join(map(said, slack.thread(root)))
    assert "burn rate 3.1 &gt; 2.0 &amp; rising &lt;!channel&gt;" in told
    assert slack.part(root, "ask") is None
    assert slack.tagged("v6.0.0-prod") is None


@pytest.mark.requirement("SL-003")
def test_a_decision_by_another_face_takes_the_buttons_away(slack):
    slack.in_staging("v1.3.0")
    slack.slack.command(ALICE, "/promote v1.3.0 prod")
    root = slack.root("v1.3.0", "Waiting for approval")
    slack.ask(root)

    slack.reject_elsewhere(change_of(root), "not on a Friday")

    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert "> not on a Friday" in said(slack.root("v1.3.0", "Rejected"))
