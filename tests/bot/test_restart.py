"""Restarts in any state neither lose nor repeat anything."""

import time
from datetime import timedelta

import pytest

from bot.database import BotStore, bot_database
from bot.inbox import Action, Inbox, Origin, action_key
from engine.domain.change import ChangeState
from tests.bot.fake_slack import TEAM
from tests.bot.stage import ALICE, BOB, CAROL, DEPLOYS, block_ids, buttons, eventually, stage_in
from tests.scenarios.engines import TRACE_ID


def keys(stage):
    return [block_ids(m)[0] for m in stage.slack.messages]


@pytest.mark.requirement("SL-005")
def test_waiting_change_is_approved_after_a_restart(stage):
    change = stage.waiting_change()

    stage.restart()
    time.sleep(1)
    stage.click("floe_approve", change.id, BOB)

    stage.change(ChangeState.PROMOTED)
    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    eventually(lambda: f"{change.id}:end" in keys(stage))
    assert len(keys(stage)) == len(set(keys(stage)))


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize("decided", [ChangeState.REJECTED, ChangeState.CANCELLED])
def test_decision_during_an_outage_is_shown_afterwards(stage, decided):
    change = stage.waiting_change()
    stage.stop()
    stage.start(worker=False)
    changes = stage.platform.changes

    # Slack does not answer, so this bot cannot show the decision.
    stage.slack.fail("chat.update", 500, times=1000)
    if decided is ChangeState.REJECTED:
        changes.reject(change.id, stage.operator("bob@acme.com"), "no", "web")
    else:
        changes.cancel(change.id, stage.operator("alice@acme.com"), "web")
    stage.stop()
    stage.slack.heal()
    stage.start()

    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    eventually(lambda: decided.value in stage.card()["text"].lower())
    assert len(stage.slack.in_channel(DEPLOYS)) == 1


@pytest.mark.requirement("SL-005")
def test_checks_continue_after_a_restart(tmp_path):
    released = tmp_path / "go"
    waiting = f'sh, -c, "while [ ! -e {released} ]; do sleep 0.05; done"'
    with stage_in(tmp_path, tests=waiting) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.CHECKING)
        eventually(lambda: "1 of 2 gates" in stage.card()["text"])

        stage.stop()
        released.touch()
        stage.start()

        stage.change(ChangeState.AWAITING_APPROVAL)
        stage.approval_request(change)
        assert len(stage.slack.in_channel(DEPLOYS)) == 1
        assert len(keys(stage)) == len(set(keys(stage)))
        assert stage.bot.thread_link(change.id) == stage.slack.link(stage.card())


@pytest.mark.requirement("SL-005")
def test_gate_failure_after_a_restart_is_announced_once(tmp_path):
    failing = f'sh, -c, "while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 3"'
    with stage_in(tmp_path, tests=failing) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.CHECKING)
        eventually(lambda: "1 of 2 gates" in stage.card()["text"])

        stage.stop()
        (tmp_path / "go").touch()
        stage.start()

        stage.change(ChangeState.BLOCKED)
        eventually(lambda: f"{change.id}:end" in keys(stage))
        assert stage.find_approval_request(change) is None
        assert len(keys(stage)) == len(set(keys(stage)))


@pytest.mark.requirement("SL-005")
def test_first_of_two_approvals_counts_after_a_restart(tmp_path):
    with stage_in(tmp_path, required=2) as stage:
        change = stage.waiting_change()
        stage.click("floe_approve", change.id, BOB)
        eventually(lambda: "1 of 2" in stage.card()["text"])

        stage.restart()
        stage.click("floe_approve", change.id, BOB)
        stage.click("floe_approve", change.id, CAROL)

        ended = stage.change(ChangeState.PROMOTED)
        assert [a.operator for a in ended.approvals] == ["bob@acme.com", "carol@acme.com"]
        eventually(lambda: f"{change.id}:end" in keys(stage))
        assert len(keys(stage)) == len(set(keys(stage)))


@pytest.mark.requirement("SL-005")
def test_change_superseded_during_an_outage_loses_its_buttons(stage):
    change = stage.waiting_change()
    stage.slack.fail("chat.update", 500, times=1000)
    newer = stage.submit_elsewhere("v2.0.0", stage.operator("alice@acme.com"))
    stage.change(ChangeState.AWAITING_APPROVAL, "v2.0.0")
    assert buttons(stage.find_approval_request(change)) != []
    stage.stop()
    stage.slack.heal()

    stage.start()

    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    assert buttons(stage.approval_request(newer)) == ["floe_approve", "floe_reject"]


@pytest.mark.requirement("SL-005")
def test_approved_change_is_carried_out_after_a_restart(tmp_path):
    with stage_in(tmp_path) as stage:
        change = stage.waiting_change()
        stage.stop()
        stage.start(worker=False)
        stage.click("floe_approve", change.id, BOB)
        stage.change(ChangeState.EXECUTING)
        eventually(lambda: buttons(stage.find_approval_request(change)) == [])

        stage.restart()

        stage.change(ChangeState.PROMOTED)
        eventually(lambda: "Promoted" in stage.card()["text"])


@pytest.mark.requirement("SL-005")
def test_acknowledged_command_runs_after_a_restart(stage):
    stage.stop()
    store = BotStore(bot_database(stage.folder / ".floe"))
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    origin = Origin(ALICE, TEAM, DEPLOYS)
    Inbox(store).accept(Action(action_key("promote", "t"), "promote", origin, TRACE_ID, arguments))
    store.close()

    stage.start()

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert change.trace_id == TRACE_ID
    stage.approval_request(change)


def store_old_action(stage, kind, arguments, hours, tries=0):
    """Store an action that Slack sent `hours` ago and floe did not finish."""
    stage.stop()
    store = BotStore(bot_database(stage.folder / ".floe"))
    at = time.time() - hours * 3600
    origin = Origin(ALICE, TEAM, DEPLOYS)
    action = Action(action_key(kind, "t"), kind, origin, TRACE_ID, arguments, at=at)
    inbox = Inbox(store)
    inbox.accept(action)
    for _ in range(tries):
        inbox.start_attempt(action)
    store.close()


def test_command_older_than_an_hour_is_refused(stage):
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    store_old_action(stage, "promote", arguments, hours=5)

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not started: this was requested 5 h ago")
    assert "did not carry it out" in said
    assert "/promote v1.0.0 staging prod" in str(stage.slack.called("chat.postEphemeral"))
    assert stage.platform.store.recent(9) == ()


def test_lock_older_than_an_hour_is_refused(stage):
    store_old_action(
        stage, "lock", {"target": "prod", "duration": "30m", "reason": "INC-1"}, hours=2
    )

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not locked: ")
    assert stage.platform.engine.status()[-1].lock is None


def test_old_command_with_an_attempt_may_have_taken_effect(stage):
    store_old_action(stage, "lock", {"target": "prod", "reason": "INC-1"}, hours=2, tries=1)

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not finished: ")
    assert "may have taken effect" in said


def test_change_starts_at_the_time_of_its_command(stage):
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    store_old_action(stage, "promote", arguments, hours=0.5)

    stage.start()

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert change.updated_at - change.created_at > timedelta(minutes=29)


@pytest.mark.requirement("SL-005")
def test_action_that_stops_floe_repeatedly_is_given_up(stage):
    stage.stop()
    store = BotStore(bot_database(stage.folder / ".floe"))
    inbox, origin = Inbox(store), Origin(ALICE, TEAM, DEPLOYS)
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    action = Action(action_key("promote", "t"), "promote", origin, TRACE_ID, arguments)
    inbox.accept(action)
    for _ in range(5):
        inbox.start_attempt(action)
    store.close()

    stage.start()

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert text.startswith("Not done: ")
    assert stage.platform.store.recent(9) == ()


@pytest.mark.requirement("SL-005")
def test_message_with_a_lost_answer_is_found_and_not_posted_again(stage):
    stage.slack.fail("chat.postMessage", 502, heard=True, times=2)

    change = stage.waiting_change()

    eventually(lambda: stage.slack.called("conversations.history"))
    assert len(stage.slack.in_channel(DEPLOYS)) == 1
    stage.click("floe_approve", change.id, BOB)
    eventually(lambda: "Promoted" in stage.card()["text"])
    assert len(keys(stage)) == len(set(keys(stage)))


def test_new_store_announces_only_open_changes(stage):
    stage.waiting_change()
    stage.stop()
    (stage.folder / ".floe/bot.db").unlink()
    stage.slack.messages.clear()

    stage.start()

    # Open changes are announced again, because the places of their messages are lost.
    eventually(lambda: len(stage.slack.in_channel(DEPLOYS)) == 1)


def test_replaced_change_store_is_followed_from_its_start(stage):
    stage.waiting_change()
    stage.stop()
    for file in (stage.folder / ".floe").glob("store.db*"):
        file.unlink()
    stage.start()

    change = stage.waiting_change("v2.0.0")

    stage.approval_request(change)
