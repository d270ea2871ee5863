"""Buttons disappear with the first edit after any ending, which waits for no other edits."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.domain.change import Change, ChangeState
from tests.bot.stage import ALICE, BOB, CAROL, QUICK, Stage, buttons, eventually, stage_in

# Edits that are not urgent come an hour later, so that none of them is seen here.
ONLY_URGENT = replace(QUICK, edit=3600)


def promoted(stage: Stage, change: Change) -> None:
    stage.click("floe_approve", change.id, BOB)


def rejected(stage: Stage, change: Change) -> None:
    stage.platform.changes.reject(change.id, stage.operator("carol@acme.com"), "no", "cli")


def cancelled(stage: Stage, change: Change) -> None:
    stage.platform.changes.cancel(change.id, stage.operator("alice@acme.com"), "web")


def superseded(stage: Stage, _change: Change) -> None:
    stage.command("/promote v2.0.0 prod", ALICE)


def expired(_stage: Stage, _change: Change) -> None:
    """Its time has come by itself."""


@pytest.mark.requirement("SL-003")
@pytest.mark.parametrize("end", [promoted, rejected, cancelled, superseded, expired])
def test_buttons_disappear_at_once(tmp_path, end: Callable[[Stage, Change], None]) -> None:
    expires = "3s" if end is expired else "4h"
    with stage_in(tmp_path, tempo=ONLY_URGENT, expires=expires) as stage:
        change = stage.waiting_change()

        end(stage, change)

        eventually(lambda: buttons(stage.find_approval_request(change)) == [])
        stage.change(ChangeState(end.__name__))


def test_buttons_of_a_scheduled_change_disappear_at_once(tmp_path) -> None:
    at = datetime.now(UTC) + timedelta(days=2)
    with stage_in(tmp_path, tempo=ONLY_URGENT) as stage:
        stage.command(f"/promote v1.0.0 prod --at {at:%Y-%m-%dT%H:%M}Z")
        change = stage.change(ChangeState.AWAITING_APPROVAL)
        eventually(lambda: buttons(stage.card()) == ["floe_reschedule", "floe_cancel"])

        cancelled(stage, change)

        eventually(lambda: buttons(stage.card()) == [])


def test_confirmation_says_whether_the_approval_is_the_last_one_needed(tmp_path) -> None:
    with stage_in(tmp_path, tempo=ONLY_URGENT, required=2) as stage:
        change = stage.waiting_change()
        asked = json.dumps(stage.find_approval_request(change))
        assert "Promote v1.0.0 to prod?" in asked
        assert "1 more approval is needed after yours." in asked

        stage.click("floe_approve", change.id, BOB)

        last = "Yours is the last approval needed: this starts immediately."
        eventually(lambda: last in json.dumps(stage.find_approval_request(change)))
        stage.click("floe_approve", change.id, CAROL)
        stage.change(ChangeState.PROMOTED)
