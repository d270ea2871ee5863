"""Approvals and rejections: one decision, by an authorized person other than the requester."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.domain.change import ChangeState
from engine.domain.record import PromotionRecord, RejectionRecord
from tests.bot.stage import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DEPLOYS,
    block_ids,
    block_text,
    buttons,
    click_body,
    eventually,
    stage_in,
)


def approve(stage, change, user):
    return stage.click("floe_approve", change.id, user)


def reject(stage, change, user, reason="the migration is not reviewed"):
    """Press the button and submit the form."""
    opened = len(stage.slack.views)
    stage.click("floe_reject", change.id, user)
    view = eventually(lambda: stage.slack.views[opened:])[0]
    return stage.submit(view, user, reason=reason)


@pytest.mark.requirement("SL-003")
@pytest.mark.requirement("SL-005")
def test_fifty_clicks_have_one_effect(stage):
    change = stage.waiting_change()

    with ThreadPoolExecutor(50) as crowd:
        who = [BOB, CAROL] * 25
        answers = list(crowd.map(lambda user: approve(stage, change, user), who))

    assert {answer.status for answer in answers} == {200}
    done = stage.change(ChangeState.PROMOTED)
    assert len(done.approvals) == 1
    promotions = [
        entry.record
        for entry in stage.platform.engine.history("prod", 50)
        if isinstance(entry.record, PromotionRecord)
    ]
    assert len(promotions) == 1
    # Late clicks are answered with the decision; the approver gets no answer.
    other = CAROL if done.approvals[0].operator == "bob@acme.com" else BOB
    eventually(lambda: len(stage.private_texts(other)) == 25, 60)
    late = stage.private_texts(BOB) + stage.private_texts(CAROL)
    assert all("already decided" in text or "does not wait for approval" in text for text in late)


@pytest.mark.requirement("SL-005")
def test_redelivered_click_gets_no_answer(stage):
    change = stage.waiting_change()
    body = {"payload": json.dumps(click_body("floe_approve", change.id, BOB))}

    for _ in range(3):
        stage.send(body, headers={"x-slack-retry-num": "1"})

    stage.change(ChangeState.PROMOTED)
    time.sleep(0.3)
    assert stage.private_texts(BOB) == []


@pytest.mark.requirement("SL-003")
def test_requester_cannot_approve(stage):
    change = stage.waiting_change()

    approve(stage, change, ALICE)

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert text.startswith("Not approved: ")
    assert "Another person must decide" in text
    assert stage.platform.changes.get(change.id).approvals == ()


@pytest.mark.requirement("SL-003")
def test_two_concurrent_approvers_are_two_approvals(tmp_path):
    with stage_in(tmp_path, required=2) as stage:
        change = stage.waiting_change()

        with ThreadPoolExecutor(2) as crowd:
            list(crowd.map(lambda user: approve(stage, change, user), (BOB, CAROL)))

        done = stage.change(ChangeState.PROMOTED)
        assert {given.operator for given in done.approvals} == {"bob@acme.com", "carol@acme.com"}
        assert stage.private_texts(BOB) == stage.private_texts(CAROL) == []


@pytest.mark.requirement("SL-003")
def test_first_of_two_approvals_is_shown_and_the_buttons_stay(tmp_path):
    with stage_in(tmp_path, required=2) as stage:
        change = stage.waiting_change()

        approve(stage, change, BOB)

        eventually(lambda: "Yours is the last" in json.dumps(stage.find_approval_request(change)))
        assert buttons(stage.find_approval_request(change)) == ["floe_approve", "floe_reject"]
        eventually(lambda: "Waiting for approval, 1 of 2" in stage.card()["text"])
        approve(stage, change, BOB)
        [text] = eventually(lambda: stage.private_texts(BOB))
        assert "approved c-" in text
        assert "Another person is needed" in text


@pytest.mark.requirement("SL-003")
def test_person_outside_the_approver_groups_is_refused(stage):
    change = stage.waiting_change()

    approve(stage, change, DAVE)

    [text] = eventually(lambda: stage.private_texts(DAVE))
    assert "Required groups: [release-managers]" in text
    assert "Your groups: [developers]" in text


@pytest.mark.requirement("SL-003")
def test_rejection_needs_a_reason_and_shows_it(stage):
    change = stage.waiting_change()
    stage.click("floe_reject", change.id, BOB)
    [view] = eventually(lambda: stage.slack.views)

    empty = stage.submit(view, BOB, reason="   ")

    assert json.loads(empty.body)["response_action"] == "errors"
    assert "reason" in json.loads(empty.body)["errors"]

    assert stage.submit(view, BOB, reason="not <!channel> reviewed & signed").status == 200

    ended = stage.change(ChangeState.REJECTED)
    assert ended.ended.by == "bob@acme.com"
    root = eventually(lambda: (r := stage.card()) and "Rejected" in r["text"] and r)
    assert "> not &lt;!channel&gt; reviewed &amp; signed" in block_text(root)
    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    [entry] = stage.platform.engine.history("prod", 1)
    assert isinstance(entry.record, RejectionRecord)
    assert entry.record.interface == "slack"


@pytest.mark.requirement("SL-005")
def test_form_submitted_three_times_is_one_rejection(stage):
    change = stage.waiting_change()
    stage.click("floe_reject", change.id, BOB)
    [view] = eventually(lambda: stage.slack.views)

    for _ in range(3):
        stage.submit(view, BOB, reason="no")

    stage.change(ChangeState.REJECTED)
    time.sleep(0.3)
    assert stage.private_texts(BOB) == []


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize("decided", ["rejected", "cancelled"])
def test_change_decided_in_another_interface_loses_its_buttons(stage, decided):
    change = stage.waiting_change()
    changes = stage.platform.changes
    if decided == "rejected":
        changes.reject(change.id, stage.operator("carol@acme.com"), "no", "cli")
    else:
        changes.cancel(change.id, stage.operator("alice@acme.com"), "web")

    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    approve(stage, change, BOB)

    [text] = eventually(lambda: stage.private_texts(BOB))
    assert f"{change.id} is {decided}" in text
    assert changes.get(change.id).state == decided


@pytest.mark.requirement("SL-003")
def test_expired_change_is_announced_and_cannot_be_approved(tmp_path):
    with stage_in(tmp_path, expires="4s") as stage:
        change = stage.waiting_change()

        stage.change(ChangeState.EXPIRED)

        eventually(lambda: buttons(stage.find_approval_request(change)) == [])
        [end] = eventually(
            lambda: [m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:end"]
        )
        assert end["reply_broadcast"] is True
        assert "/promote v1.0.0 staging prod" in block_text(end)
        # The reminder at half time was sent at most once.
        keys = [block_ids(m)[0] for m in stage.slack.messages]
        assert keys.count(f"{change.id}:reminder") <= 1
        approve(stage, change, BOB)
        [text] = eventually(lambda: stage.private_texts(BOB))
        assert "is expired" in text


@pytest.mark.requirement("SL-003")
def test_superseded_change_loses_its_buttons(stage):
    change = stage.waiting_change()

    newer = stage.waiting_change("v2.0.0")

    stage.change(ChangeState.SUPERSEDED)
    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    ending = eventually(
        lambda: [m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:end"]
    )
    assert f"<@{ALICE}>" in block_text(ending[0])
    assert f"Superseded by {newer.id}" in block_text(ending[0])
    assert buttons(stage.find_approval_request(newer)) == ["floe_approve", "floe_reject"]
    approve(stage, change, BOB)
    [text] = eventually(lambda: stage.private_texts(BOB))
    assert "v2.0.0 was asked for by alice@acme.com" in text


@pytest.mark.requirement("SL-005")
@pytest.mark.parametrize("value", ["", "c-00000000", "'; DROP TABLE inbox; --", "x" * 2000])
def test_click_on_an_unknown_change_is_refused(stage, value):
    stage.click("floe_approve", value, BOB)

    [text] = eventually(lambda: stage.private_texts(BOB))
    assert text.startswith("Not approved: ")


def test_locked_environment_keeps_the_change_waiting(stage):
    change = stage.waiting_change()
    stage.command("/lock prod 30m db failover", user=CAROL)
    eventually(lambda: stage.platform.engine.status()[2].lock)

    approve(stage, change, BOB)

    [text] = eventually(lambda: stage.private_texts(BOB))
    assert "Environment 'prod' is locked. Reason: db failover" in text
    assert stage.platform.changes.get(change.id).state is ChangeState.AWAITING_APPROVAL
    assert buttons(stage.find_approval_request(change)) == ["floe_approve", "floe_reject"]


@pytest.mark.requirement("SL-005")
def test_decision_is_taken_once_slack_can_identify_the_user(stage):
    change = stage.waiting_change()
    stage.slack.fail("users.info", 500, times=4)

    approve(stage, change, BOB)

    assert len(stage.change(ChangeState.PROMOTED).approvals) == 1
    assert stage.private_texts(BOB) == []


@pytest.mark.requirement("SL-005")
def test_slack_outage_after_a_decision_delays_only_messages(stage):
    change = stage.waiting_change()
    stage.slack.fail("chat.update", 500, times=1000)
    stage.slack.limit("chat.postMessage", 0.2, times=3)

    approve(stage, change, BOB)
    stage.change(ChangeState.PROMOTED)
    time.sleep(0.5)
    assert buttons(stage.find_approval_request(change)) == ["floe_approve", "floe_reject"]
    stage.slack.heal()

    eventually(lambda: buttons(stage.find_approval_request(change)) == [])
    eventually(lambda: "Promoted" in stage.card()["text"])
    assert len(stage.slack.in_channel(DEPLOYS)) == 1


@pytest.mark.requirement("SL-005")
def test_decision_of_a_deactivated_approver_is_refused(stage):
    change = stage.waiting_change()
    stage.slack.users[BOB]["deleted"] = True

    reject(stage, change, BOB)

    [text] = eventually(lambda: stage.private_texts(BOB))
    assert "deactivated" in text
    assert stage.platform.changes.get(change.id).state is ChangeState.AWAITING_APPROVAL
