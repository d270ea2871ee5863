"""From the command to the registry, as people see it in the channel."""

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import said
from tests.e2e.stage import Stage
from tests.peers.local_slack import ALICE, BOB, DEPLOYS, buttons

APPROVE, REJECT = "floe_approve", "floe_reject"


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-002")
@pytest.mark.requirement("SL-003")
def test_what_alice_asks_for_is_checked_approved_by_bob_and_then_runs(stage: Stage):
    stage.slack.command(ALICE, "/promote v1.0.0 staging prod")
    root = stage.root("gates 1/2")
    [first] = stage.eventually(lambda: stage.slack.thread(root))
    stage.go()
    change = stage.change(ChangeState.AWAITING_APPROVAL)
    ask = stage.ask(change)
    stage.slack.click(BOB, ask, APPROVE)
    stage.root("Promoted")

    thread = stage.eventually(lambda: _whole(stage.slack.thread(root), 5))
    assert "cost" in said(first)
    assert "tests" in said(thread[1])
    assert "<!subteam^SRELEASEMANAGERS>" in said(ask)
    assert [m["text"] for m in stage.slack.messages(DEPLOYS)] == [stage.root("Promoted")["text"]]
    assert stage.eventually(lambda: not buttons(stage.ask(change)))
    assert stage.digest("latest-prod") == stage.digest("v1.0.0-dev")
    assert [told.partition("`")[0] for told in stage.slack.told(ALICE)] == ["Asking for "]


@pytest.mark.requirement("SL-003")
def test_whoever_asked_cannot_approve(stage: Stage):
    change, ask = stage.awaiting()

    stage.slack.click(ALICE, ask, APPROVE)

    assert "cannot also approve" in stage.told(ALICE, "Not approved")
    assert stage.platform.changes.get(change.id).approvals == ()
    assert [b["action_id"] for b in buttons(stage.ask(change))] == [APPROVE, REJECT]


@pytest.mark.requirement("SL-003")
def test_a_rejection_needs_a_reason_which_pings_nobody(stage: Stage):
    change, ask = stage.awaiting()
    stage.slack.click(BOB, ask, REJECT)
    stage.modal("floe_reject_form")

    errors = stage.slack.submit(BOB, reason="")
    sent = stage.slack.submit(BOB, reason="<!channel> not reviewed & late")

    root = stage.root("Rejected")
    stage.change(ChangeState.REJECTED)
    assert "reason" in errors
    assert sent == {}
    assert "&lt;!channel&gt; not reviewed &amp; late" in said(root)
    assert not any("<!channel>" in said(m) for m in stage.slack.everything())
    assert stage.eventually(lambda: not buttons(stage.ask(change)))


@pytest.mark.requirement("SL-005")
def test_a_click_on_what_is_decided_changes_nothing(stage: Stage):
    _, ask = stage.awaiting()
    stage.slack.click(BOB, ask, APPROVE)
    stage.root("Promoted")

    stage.slack.click("U03CAROL", ask, APPROVE)

    assert "bob@acme.com approved it" in stage.told("U03CAROL", "Not approved")


@pytest.mark.parametrize("stage", ["socket"], indirect=True)
def test_one_start_makes_one_connection(stage: Stage):
    opened = stage.strict.called("apps.connections.open")

    stage.restart()

    assert len(opened) == 1
    assert len(stage.strict.called("apps.connections.open")) == 2
    assert stage.bot.connected()


def test_a_typo_is_answered_to_whoever_made_it_and_starts_nothing(stage: Stage):
    stage.slack.command(ALICE, "/promote v1.0.0 prd")

    assert "prod" in stage.told(ALICE, "Not started")
    assert stage.slack.messages(DEPLOYS) == []
    assert stage.platform.store.recent(9) == ()


def test_without_arguments_a_form_asks_for_them(stage: Stage):
    stage.go()
    stage.slack.command(ALICE, "/promote")
    stage.modal("floe_promote")

    errors = stage.slack.submit(ALICE, version="latest", target="prod")
    sent = stage.slack.submit(ALICE, version="v1.0.0", target="prod")

    stage.change(ChangeState.AWAITING_APPROVAL)
    assert "version" in errors
    assert sent == {}


def _whole(thread: list, count: int) -> list | None:
    """Gates in two lines, the ask, the approval, the end."""
    return thread if len(thread) >= count else None
