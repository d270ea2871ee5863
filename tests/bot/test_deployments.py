"""The card shows how far a version is deployed, and offers a rollback where it failed."""

import json
from datetime import timedelta

from bot.blocks.deployment import ROLL_BACK
from engine.changes.deployment_events import record_rollout
from engine.domain.change import Change, ChangeState
from engine.domain.deployments import Rollout
from tests.bot.stage import ALICE, BOB, Stage, block_text, buttons


def promoted(stage: Stage, version: str) -> Change:
    change = stage.waiting_change(version)
    stage.click("floe_approve", change.id, BOB)
    return stage.change(ChangeState.PROMOTED, version)


def report(stage: Stage, change: Change, found: Rollout) -> None:
    record_rollout(stage.platform.store, change.target, change.record_id, found)


def card_with(stage: Stage, text: str) -> dict[str, object]:
    return stage.eventually(lambda: (card := stage.card()) and text in block_text(card) and card)


def test_card_shows_the_health_and_a_rollback_once_it_failed(stage: Stage) -> None:
    promoted(stage, "v1.0.0")
    change = promoted(stage, "v2.0.0")

    report(stage, change, Rollout(5, 3))
    started = card_with(stage, "3 of 5 clusters healthy")
    report(stage, change, Rollout(5, 3, ("eu-4",)))
    failed = card_with(stage, "3 of 5 clusters healthy, 1 failed: eu-4")

    assert ROLL_BACK not in buttons(started)
    assert buttons(failed) == [ROLL_BACK]
    stage.click(ROLL_BACK, "/prod", ALICE)
    view = stage.eventually(
        lambda: next((v for v in stage.slack.views if v["callback_id"] != "loading"), None)
    )
    assert view["title"]["text"] == "Roll back prod"
    assert "`v2.0.0` → `v1.0.0`" in json.dumps(view, ensure_ascii=False)
    assert stage.platform.engine.status()[2].state.version == "v2.0.0"


def test_healthy_deployment_says_how_long_it_took(stage: Stage) -> None:
    change = promoted(stage, "v1.0.0")
    report(stage, change, Rollout(5, 4, ("eu-4",)))
    card_with(stage, "failed: eu-4")

    report(stage, change, Rollout(5, 5, (), timedelta(minutes=4)))

    card = card_with(stage, "5 of 5 clusters healthy after 4 min")
    assert buttons(card) == []


def test_same_report_is_one_event(stage: Stage) -> None:
    change = promoted(stage, "v1.0.0")

    for _ in range(3):
        report(stage, change, Rollout(5, 3))

    kinds = [event.kind for event in stage.platform.store.events_of(change.id)]
    assert kinds.count("deployment_reported") == 1
