"""A promotion for a later time, from Slack: its approval, its card, and its end."""

import json
from datetime import UTC, datetime, timedelta

from engine.domain.change import Change, ChangeState
from tests.bot.stage import ALICE, BOB, DAVE, block_text, buttons, eventually


def test_promotion_is_scheduled_approved_and_rejected(stage) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)

    stage.command(f"/promote v1.0.0 prod --at {at:%Y-%m-%dT%H:%M}Z")

    change = stage.change(ChangeState.AWAITING_APPROVAL, "v1.0.0")
    assert change.scheduled_at == at
    request = stage.approval_request(change)
    assert "scheduled for" in block_text(request)

    stage.click("floe_approve", change.id, BOB)

    stage.change(ChangeState.SCHEDULED, "v1.0.0")
    eventually(lambda: "Scheduled for" in block_text(stage.card()))
    eventually(lambda: buttons(stage.approval_request(change)) == ["floe_reject"])


def test_time_without_a_zone_is_refused(stage) -> None:
    stage.command("/promote v1.0.0 prod --at 2026-12-01T09:00")

    (said,) = eventually(lambda: stage.private_texts(ALICE)[-1:])

    assert "is not a time with its zone" in said
    assert stage.platform.store.recent(9) == ()


def test_card_moves_and_cancels_a_scheduled_change(stage) -> None:
    later = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=3)
    change = schedule(stage)
    eventually(lambda: buttons(stage.card()) == ["floe_reschedule", "floe_cancel"])

    stage.click("floe_reschedule", change.id, ALICE)
    (view,) = eventually(lambda: stage.slack.views)
    refused = stage.submit(view, ALICE, at="tomorrow")
    stage.submit(view, ALICE, at=f"{later:%Y-%m-%dT%H:%M}Z")
    eventually(lambda: stage.platform.changes.get(change.id).scheduled_at == later)
    stage.click("floe_cancel", change.id, DAVE)
    (said,) = eventually(lambda: stage.private_texts(DAVE))
    stage.click("floe_cancel", change.id, BOB)

    assert "is not a time with its zone" in json.loads(refused.body)["errors"]["at"]
    assert said.startswith("Not cancelled: ")
    cancelled = stage.change(ChangeState.CANCELLED, "v1.0.0")
    assert cancelled.ended is not None and cancelled.ended.by == "bob@acme.com"
    eventually(lambda: buttons(stage.card()) == [])


def test_cancelled_change_is_not_moved(stage) -> None:
    change = schedule(stage)
    stage.click("floe_reschedule", change.id, ALICE)
    (view,) = eventually(lambda: stage.slack.views)
    stage.platform.changes.cancel(change.id, change.requester.operator, "cli")

    stage.submit(view, ALICE, at=f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M}Z")

    (said,) = eventually(lambda: stage.private_texts(ALICE)[-1:])
    assert said.startswith("Not rescheduled: ")


def test_form_asks_for_a_time(stage) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    stage.command(f"/promote v1.0.0 --at {at:%Y-%m-%dT%H:%M}Z")
    (view,) = eventually(lambda: stage.slack.views)

    refused = stage.submit(view, ALICE, version="v1.0.0", at="2026-12-01T09:00")
    stage.submit(view, ALICE, version="v1.0.0", at=f"{at:%Y-%m-%dT%H:%M}Z")

    shown = {block["block_id"]: block.get("element", {}) for block in view["blocks"]}
    assert shown["at"]["initial_value"] == f"{at:%Y-%m-%dT%H:%M}Z"
    assert "at" in json.loads(refused.body)["errors"]
    assert stage.change(ChangeState.AWAITING_APPROVAL, "v1.0.0").scheduled_at == at


def schedule(stage) -> Change:
    at = datetime.now(UTC) + timedelta(days=2)
    stage.command(f"/promote v1.0.0 prod --at {at:%Y-%m-%dT%H:%M}Z")
    return stage.change(ChangeState.AWAITING_APPROVAL, "v1.0.0")
