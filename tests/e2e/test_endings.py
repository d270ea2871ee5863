"""After a restart or a Slack outage, no message is repeated or lost."""

import signal

import pytest

from bot.inbox import MOST_TRIES
from tests.bot.stage import block_ids, buttons
from tests.e2e.workspace import change_of
from tests.peers.local_slack import ALICE, BOB

pytestmark = pytest.mark.timeout(300)


def keys(slack, root):
    return [block_ids(message)[0] for message in [root, *slack.thread(root)]]


@pytest.mark.requirement("SL-005")
def test_change_killed_during_its_gates_continues_after_a_restart(slack):
    slack.publish_to_staging("v7.0.0")
    slack.slack.command(ALICE, "/promote v7.0.0 prod")
    slack.root("v7.0.0", "1 of 2 gates")

    slack.stop(signal.SIGKILL)
    slack.release_gates("v7.0.0")
    slack.start()

    # The claim of the killed worker has to expire first.
    root = slack.root("v7.0.0", "Waiting for approval")
    slack.ask(root)
    assert len(keys(slack, root)) == len(set(keys(slack, root)))


@pytest.mark.requirement("SL-005")
def test_waiting_change_can_be_approved_after_a_restart(slack):
    slack.publish_to_staging("v4.0.0")
    slack.slack.command(ALICE, "/promote v4.0.0 prod")
    ask = slack.ask(root := slack.root("v4.0.0", "Waiting for approval"))

    slack.stop()
    slack.start()
    slack.slack.click(BOB, ask, "floe_approve")

    slack.root("v4.0.0", "Promoted")
    slack.eventually(lambda: slack.part(root, "end"))
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert len(keys(slack, root)) == len(set(keys(slack, root)))


@pytest.mark.requirement("SL-005")
def test_decision_made_while_the_server_was_down_is_shown_after_it_starts(slack):
    slack.publish_to_staging("v4.1.0")
    slack.slack.command(ALICE, "/promote v4.1.0 prod")
    root = slack.root("v4.1.0", "Waiting for approval")
    slack.ask(root)

    slack.stop()
    slack.reject_elsewhere(change_of(root), "the window is over")
    assert buttons(slack.part(root, "ask")) != []
    slack.start()

    slack.root("v4.1.0", "Rejected")
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])


@pytest.mark.requirement("SL-005")
def test_slack_outage_delays_only_messages(slack):
    slack.publish_to_staging("v4.2.0")
    slack.slack.command(ALICE, "/promote v4.2.0 prod")
    ask = slack.ask(root := slack.root("v4.2.0", "Waiting for approval"))
    slack.strict.fail("chat.update", 500, times=10_000)
    slack.strict.limit("chat.postMessage", 1, times=3)

    slack.slack.click(BOB, ask, "floe_approve")

    slack.eventually(lambda: slack.change(change_of(root)).state == "promoted")
    assert slack.tagged("v4.2.0-prod") == slack.tagged("v4.2.0-dev")
    assert buttons(slack.part(root, "ask")) != []

    slack.strict.heal()

    slack.root("v4.2.0", "Promoted")
    slack.eventually(lambda: slack.part(root, "end"))
    slack.eventually(lambda: buttons(slack.part(root, "ask")) == [])
    assert len(keys(slack, root)) == len(set(keys(slack, root)))


@pytest.mark.requirement("SL-005")
def test_person_unknown_to_slack_cannot_decide(slack):
    slack.publish_to_staging("v4.3.0")
    slack.slack.command(ALICE, "/promote v4.3.0 prod")
    ask = slack.ask(root := slack.root("v4.3.0", "Waiting for approval"))
    slack.strict.fail("users.info", 500, times=MOST_TRIES)

    slack.slack.click(BOB, ask, "floe_approve")

    assert "I did nothing" in slack.private_message(BOB, "I could not check who you are")
    assert slack.change(change_of(root)).approvals == ()


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize("slack", ["socket"], indirect=True)
def test_one_start_opens_one_connection(slack):
    opened = len(slack.strict.called("apps.connections.open"))

    slack.stop()
    slack.start()

    assert len(slack.strict.called("apps.connections.open")) == opened + 1
