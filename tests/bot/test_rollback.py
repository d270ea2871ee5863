"""Rollbacks from Slack, with the impact shown before they are requested."""

import json

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, DEPLOYS, block_ids, block_text, eventually


def form(stage, seen=0):
    """The modal after it was loaded, skipping the first `seen` modals."""
    return eventually(
        lambda: next((v for v in stage.slack.views[seen:] if v["callback_id"] != "loading"), None)
    )


@pytest.mark.requirement("SL-001")
def test_rollback_shows_its_impact_and_asks_for_a_reason(stage):
    answer = stage.command("/rollback v1.0.0 staging it is slow")

    assert answer.status == 200
    assert stage.slack.called("views.open") or eventually(lambda: stage.slack.views)
    view = form(stage)
    assert view["title"]["text"] == "Roll back staging"
    text = json.dumps(view["blocks"], ensure_ascii=False)
    assert "`v2.0.0` → `v1.0.0`" in text
    assert "Undoes v2.0.0" in text
    assert "it is slow" in text
    assert stage.platform.store.recent(9) == ()

    stage.submit(view, ALICE, reason="it is *really* slow")

    change = stage.change(ChangeState.PROMOTED)
    assert (change.action, change.reason) == ("rollback", "it is *really* slow")
    root = eventually(lambda: (r := stage.card()) and "Rolled back" in r["text"] and r)
    assert "it is *really* slow" in block_text(root)
    end = eventually(
        lambda: [m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:end"]
    )[0]
    assert end["reply_broadcast"] is True
    assert stage.platform.engine.status()[1].state.version == "v1.0.0"


@pytest.mark.requirement("SL-001")
def test_rollback_without_a_version_goes_to_the_previous_one(stage):
    stage.command("/rollback staging")

    assert "`v2.0.0` → `v1.0.0`" in json.dumps(form(stage), ensure_ascii=False)


@pytest.mark.requirement("SL-001", "FR-013")
def test_second_rollback_goes_further_back(stage):
    stage.publish("v3.0.0")
    stage.promote_elsewhere("v3.0.0", "staging")
    stage.command("/rollback v2.0.0 staging")
    stage.submit(form(stage), BOB, reason="5xx")
    eventually(lambda: stage.platform.engine.status()[1].state.version == "v2.0.0")
    seen = len(stage.slack.views)

    stage.command("/rollback staging")

    assert "`v2.0.0` → `v1.0.0`" in json.dumps(form(stage, seen), ensure_ascii=False)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/rollback v9.0.0 staging", "Version v9.0.0 was never promoted to staging"),
        ("/rollback prod", "no earlier version to roll back to"),
        ("/rollback v2.0.0 staging", "Nothing to do"),
    ],
)
def test_form_shows_why_a_rollback_is_impossible(stage, typed, text):
    stage.command(typed)

    assert text in json.dumps(form(stage), ensure_ascii=False)


def test_rollback_with_an_outdated_impact_is_refused(stage):
    stage.command("/rollback v1.0.0 staging")
    view = form(stage)
    stage.publish("v3.0.0")
    stage.promote_elsewhere("v3.0.0", "staging")

    stage.submit(view, ALICE, reason="slow")

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert "'staging' now runs v3.0.0" in text
    assert stage.platform.store.recent(9) == ()


@pytest.mark.requirement("SL-005")
def test_form_submitted_twice_is_one_rollback(stage):
    stage.command("/rollback v1.0.0 staging")
    view = form(stage)

    for _ in range(2):
        stage.submit(view, ALICE, reason="slow")

    stage.change(ChangeState.PROMOTED)
    assert len(stage.platform.store.recent(9)) == 1
    assert stage.private_texts(ALICE) == []


def test_guest_sees_no_impact(stage):
    stage.slack.users[BOB]["is_restricted"] = True

    stage.command("/rollback v1.0.0 staging", user=BOB)

    shown = json.dumps(form(stage), ensure_ascii=False)
    assert "a guest" in shown
    assert "v2.0.0" not in shown


def test_form_that_slack_does_not_open_is_explained(stage):
    expired = {"ok": False, "error": "expired_trigger_id"}
    stage.slack.fail("views.open", 200, body=expired)

    stage.command("/rollback v1.0.0 staging")

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert text.startswith("Not opened: ")


@pytest.mark.requirement("SL-001")
@pytest.mark.parametrize(
    ("typed", "filled", "field"),
    [
        ("/promote", {"version": "v1.0", "target": "prod"}, "version"),
        ("/promote prod", {"version": "", "target": "prod"}, "version"),
        ("/promote", {"version": "v1.0.0 staging", "target": "prod"}, None),
        ("/promote v1.0.0", {"version": "v1.0.0"}, None),
    ],
)
def test_promote_without_arguments_opens_a_form(stage, typed, filled, field):
    stage.command(typed)
    [view] = eventually(lambda: stage.slack.views)

    answer = stage.submit(view, ALICE, **filled)

    assert answer.status == 200
    if field:
        assert field in json.loads(answer.body)["errors"]
        assert stage.platform.store.recent(9) == ()
    else:
        stage.change(ChangeState.AWAITING_APPROVAL)
        eventually(lambda: stage.slack.in_channel(DEPLOYS))
