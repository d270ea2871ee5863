"""Ended in any state, and begun again on what is kept: nothing twice, nothing forgotten."""

import time
from datetime import timedelta

import pytest

from bot.database import BotStore
from bot.inbox import Action, Inbox, Origin, action_key
from engine.domain.change import ChangeState
from tests.bot.fake_slack import TEAM
from tests.bot.stage import ALICE, BOB, CAROL, DEPLOYS, block_ids, buttons, eventually, stage_in
from tests.scenarios.engines import TRACE_ID


def keys(stage):
    return [block_ids(m)[0] for m in stage.slack.messages]


@pytest.mark.requirement("SL-005")
def test_a_change_that_waits_is_decided_after_a_restart(stage):
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
def test_what_was_decided_while_we_were_away_is_shown_when_we_are_back(stage, decided):
    change = stage.waiting_change()
    stage.stop()
    stage.start(worker=False)
    changes = stage.platform.changes

    # The bot of this start is as far away as one that never runs: Slack does not answer it.
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
def test_a_change_that_is_being_checked_goes_on_after_a_restart(tmp_path):
    released = tmp_path / "go"
    waiting = f'sh, -c, "while [ ! -e {released} ]; do sleep 0.05; done"'
    with stage_in(tmp_path, tests=waiting) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.CHECKING)
        eventually(lambda: "gates 1/2" in stage.card()["text"])

        stage.stop()
        released.touch()
        stage.start()

        stage.change(ChangeState.AWAITING_APPROVAL)
        stage.approval_request(change)
        assert len(stage.slack.in_channel(DEPLOYS)) == 1
        assert len(keys(stage)) == len(set(keys(stage)))
        assert stage.bot.thread_link(change.id) == stage.slack.link(stage.card())


@pytest.mark.requirement("SL-005")
def test_a_change_whose_gates_fail_after_a_restart_is_blocked_and_told_so_once(tmp_path):
    failing = f'sh, -c, "while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 3"'
    with stage_in(tmp_path, tests=failing) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.CHECKING)
        eventually(lambda: "gates 1/2" in stage.card()["text"])

        stage.stop()
        (tmp_path / "go").touch()
        stage.start()

        stage.change(ChangeState.BLOCKED)
        eventually(lambda: f"{change.id}:end" in keys(stage))
        assert stage.find_approval_request(change) is None
        assert len(keys(stage)) == len(set(keys(stage)))


@pytest.mark.requirement("SL-005")
def test_the_first_of_two_approvals_still_counts_after_a_restart(tmp_path):
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
def test_a_change_that_was_superseded_while_we_were_away_loses_its_buttons(stage):
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
def test_a_change_that_was_approved_is_carried_out_after_a_restart(tmp_path):
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
def test_what_was_acknowledged_is_done_after_a_restart(stage):
    stage.stop()
    store = BotStore(stage.folder / ".floe")
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    origin = Origin(ALICE, TEAM, DEPLOYS)
    Inbox(store).accept(Action(action_key("promote", "t"), "promote", origin, TRACE_ID, arguments))
    store.close()

    stage.start()

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert change.trace_id == TRACE_ID
    stage.approval_request(change)


def keep_old(stage, kind, arguments, hours, tries=0):
    """As if Slack had sent it `hours` ago, and floe had stopped before it was done."""
    stage.stop()
    store = BotStore(stage.folder / ".floe")
    at = time.time() - hours * 3600
    origin = Origin(ALICE, TEAM, DEPLOYS)
    action = Action(action_key(kind, "t"), kind, origin, TRACE_ID, arguments, at=at)
    inbox = Inbox(store)
    inbox.accept(action)
    for _ in range(tries):
        inbox.start_attempt(action)
    store.close()


def test_a_command_older_than_an_hour_is_not_carried_out(stage):
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    keep_old(stage, "promote", arguments, hours=5)

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not started: this was requested 5 h ago")
    assert "did not carry it out" in said
    assert "/promote v1.0.0 staging prod" in str(stage.slack.called("chat.postEphemeral"))
    assert stage.platform.store.recent(9) == ()


def test_a_lock_older_than_an_hour_is_not_taken(stage):
    keep_old(stage, "lock", {"target": "prod", "duration": "30m", "reason": "INC-1"}, hours=2)

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not locked: ")
    assert stage.platform.engine.status()[-1].lock is None


def test_an_old_command_that_was_begun_is_not_said_to_be_undone(stage):
    keep_old(stage, "lock", {"target": "prod", "reason": "INC-1"}, hours=2, tries=1)

    stage.start()

    [said] = eventually(lambda: stage.private_texts(ALICE))
    assert said.startswith("Not finished: ")
    assert "may have taken effect" in said


def test_a_command_kept_for_less_than_an_hour_is_as_old_as_when_it_was_typed(stage):
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    keep_old(stage, "promote", arguments, hours=0.5)

    stage.start()

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    assert change.updated_at - change.created_at > timedelta(minutes=29)


@pytest.mark.requirement("SL-005")
def test_what_ends_us_again_and_again_is_given_up(stage):
    stage.stop()
    store = BotStore(stage.folder / ".floe")
    inbox, origin = Inbox(store), Origin(ALICE, TEAM, DEPLOYS)
    arguments = {"version": "v1.0.0", "source": "staging", "target": "prod"}
    action = Action(action_key("promote", "t"), "promote", origin, TRACE_ID, arguments)
    inbox.accept(action)
    for _ in range(5):
        inbox.start_attempt(action)
    store.close()

    stage.start()

    [told] = eventually(lambda: stage.private_texts(ALICE))
    assert told.startswith("Not done: ")
    assert stage.platform.store.recent(9) == ()


@pytest.mark.requirement("SL-005")
def test_a_message_whose_answer_was_lost_is_found_and_not_posted_again(stage):
    stage.slack.fail("chat.postMessage", 502, heard=True, times=2)

    change = stage.waiting_change()

    eventually(lambda: stage.slack.called("conversations.history"))
    assert len(stage.slack.in_channel(DEPLOYS)) == 1
    stage.click("floe_approve", change.id, BOB)
    eventually(lambda: "Promoted" in stage.card()["text"])
    assert len(keys(stage)) == len(set(keys(stage)))


def test_what_ended_before_anybody_listened_is_no_news(stage):
    stage.waiting_change()
    stage.stop()
    (stage.folder / ".floe/bot.db").unlink()
    stage.slack.messages.clear()

    stage.start()

    # What is open is announced again, since where it stood is not known any more.
    eventually(lambda: len(stage.slack.in_channel(DEPLOYS)) == 1)


def test_a_store_that_was_begun_anew_is_followed_from_its_beginning(stage):
    stage.waiting_change()
    stage.stop()
    for file in (stage.folder / ".floe").glob("store.db*"):
        file.unlink()
    stage.start()

    change = stage.waiting_change("v2.0.0")

    stage.approval_request(change)
