"""A promotion end to end: requested in Slack by one person, approved by another."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import block_text, buttons
from tests.e2e.workspace import change_of
from tests.peers.local_slack import ALICE, BOB, CAROL, DAVE

pytestmark = pytest.mark.timeout(300)


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-002")
@pytest.mark.requirement("SL-003")
def test_promotion_is_verified_announced_approved_and_carried_out(slack):
    slack.publish_to_staging("v0.7.0")

    slack.slack.command(ALICE, "/promote v0.7.0 staging prod")
    root = slack.root("v0.7.0", "1 of 2 gates")
    [ended] = slack.eventually(lambda: slack.thread(root))
    assert "cost analysis" in block_text(ended)

    slack.release_gates("v0.7.0")
    ask = slack.ask(slack.root("v0.7.0", "Waiting for approval"))
    assert "<!subteam^SRELEASEMANAGERS>" in block_text(ask)
    assert slack.tagged("v0.7.0-prod") is None

    slack.slack.click(BOB, ask, "floe_approve")
    root = slack.root("v0.7.0", "Promoted")
    slack.eventually(lambda: slack.part(root, "end"))
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])

    assert f"approved by <@{BOB}>" in block_text(root)
    assert slack.tagged("v0.7.0-prod") == slack.tagged("v0.7.0-dev")
    # Results of two gates, the request for approval, the approver, and the end.
    thread = slack.thread(root)
    assert len(thread) == 5
    assert "tests" in block_text(thread[1])
    assert len([m for m in slack.slack.messages() if "v0.7.0:" in m["text"]]) == 1
    [shown] = [text for text in slack.slack.private_texts(ALICE) if "v0.7.0" in text]
    assert shown.startswith("Checking `v0.7.0")
    assert slack.change(change_of(root)).approvals[0].operator == "bob@acme.com"


@pytest.mark.requirement("SL-003")
def test_requester_and_strangers_cannot_approve(slack):
    slack.publish_to_staging("v1.1.0")
    slack.slack.command(ALICE, "/promote v1.1.0 prod")
    ask = slack.ask(root := slack.root("v1.1.0", "Waiting for approval"))

    for person, words in (
        (ALICE, "Another person must decide"),
        (DAVE, "Required groups: [release-managers]"),
    ):
        slack.slack.click(person, ask, "floe_approve")
        assert slack.private_message(person, words).startswith("Not approved: ")

    assert slack.change(change_of(root)).approvals == ()
    assert buttons(slack.ask(root)) == ["floe_approve", "floe_reject"]


@pytest.mark.requirement("SL-003")
def test_failed_gate_is_reported_and_no_approval_is_requested(slack):
    slack.publish_to_staging("v6.0.0")

    slack.slack.command(ALICE, "/promote v6.0.0 prod")

    root = slack.root("v6.0.0", "Blocked")
    slack.eventually(lambda: slack.part(root, "end"))
    shown = "".join(map(block_text, slack.thread(root)))
    assert "burn rate 3.1 &gt; 2.0 &amp; rising &lt;!channel&gt;" in shown
    assert slack.part(root, "ask") is None
    assert slack.tagged("v6.0.0-prod") is None


@pytest.mark.requirement("SL-003")
def test_decision_in_another_interface_removes_the_buttons(slack):
    slack.publish_to_staging("v1.3.0")
    slack.slack.command(ALICE, "/promote v1.3.0 prod")
    root = slack.root("v1.3.0", "Waiting for approval")
    slack.ask(root)

    slack.reject_elsewhere(change_of(root), "not on a Friday")

    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert "> not on a Friday" in block_text(slack.root("v1.3.0", "Rejected"))


@pytest.mark.requirement("SL-003")
def test_rejection_requires_a_reason_which_pings_nobody(slack):
    slack.publish_to_staging("v1.4.0")
    slack.slack.command(ALICE, "/promote v1.4.0 prod")
    ask = slack.ask(root := slack.root("v1.4.0", "Waiting for approval"))
    slack.slack.click(BOB, ask, "floe_reject")
    slack.modal("floe_reject_form")

    errors = slack.slack.submit(BOB, reason="")
    sent = slack.slack.submit(BOB, reason="<!channel> not reviewed & late")

    assert "reason" in errors
    assert sent == {}
    rejected = block_text(slack.root("v1.4.0", "Rejected"))
    assert "&lt;!channel&gt; not reviewed &amp; late" in rejected
    assert not any("<!channel>" in block_text(m) for m in slack.slack.everything())
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert slack.change(change_of(root)).state is ChangeState.REJECTED


@pytest.mark.requirement("SL-005")
def test_click_on_a_decided_change_changes_nothing(slack):
    slack.publish_to_staging("v1.5.0")
    slack.slack.command(ALICE, "/promote v1.5.0 prod")
    ask = slack.ask(slack.root("v1.5.0", "Waiting for approval"))
    slack.slack.click(BOB, ask, "floe_approve")
    root = slack.root("v1.5.0", "Promoted")

    slack.slack.click(CAROL, ask, "floe_approve")

    assert slack.private_message(CAROL, "bob@acme.com approved it").startswith("Not approved: ")
    assert len(slack.change(change_of(root)).approvals) == 1


@pytest.mark.requirement("SL-001")
def test_typo_is_answered_privately_and_starts_nothing(slack):
    slack.publish_to_staging("v1.6.0")

    slack.slack.command(ALICE, "/promote v1.6.0 prd")

    assert "prod" in slack.private_message(ALICE, "Not started")
    assert slack.changes("v1.6.0") == []
    assert not [m for m in slack.slack.messages() if "v1.6.0" in m["text"]]


@pytest.mark.requirement("SL-001")
def test_command_without_arguments_opens_a_form(slack):
    slack.publish_to_staging("v1.7.0")
    slack.slack.command(ALICE, "/promote")
    slack.modal("floe_promote")

    errors = slack.slack.submit(ALICE, version="latest", target="prod")
    sent = slack.slack.submit(ALICE, version="v1.7.0", target="prod")

    assert "version" in errors
    assert sent == {}
    slack.root("v1.7.0", "Waiting for approval")
