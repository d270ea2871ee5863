"""Locks from Slack: banners where they were taken and where changes are announced."""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.blocks.rendering_context import RenderingContext
from bot.database import BotStore
from bot.inbox import Action, Inbox, Origin, action_key
from bot.lock_banners import LockBanners
from bot.message_store import MessageStore
from engine.config.people import SlashCommands
from engine.domain.artifact import Tag
from engine.domain.record import LockRecord, RefusalRecord
from tests.bot.fake_slack import TEAM
from tests.bot.stage import ALICE, BOB, CAROL, DEPLOYS, INCIDENT, block_text, buttons, eventually
from tests.scenarios.engines import TRACE_ID


def locked(stage):
    return stage.platform.engine.status()[2].lock


def banners(stage, channel):
    return [m for m in stage.slack.messages if m["channel"] == channel and "locked" in m["text"]]


@pytest.mark.requirement("SL-004")
def test_a_lock_from_an_incident_channel_is_seen_there_and_where_changes_are_announced(stage):
    change = stage.waiting_change()

    stage.command("/lock prod 30m db <!here> failover &amp; more", user=BOB, channel=INCIDENT)

    for channel in (DEPLOYS, INCIDENT):
        [banner] = eventually(lambda channel=channel: banners(stage, channel))
        assert "prod is locked by <@U02BOB>: db @here failover &amp; more" in banner["text"]
        assert "1 change waiting" in block_text(banner)
        assert buttons(banner) == ["floe_unlock"]
    held = locked(stage)
    assert (held.reason, held.operator) == ("db @here failover & more", "bob@acme.com")
    assert held.expires_at is not None

    stage.command("/unlock prod the failover is done", user=BOB, channel=INCIDENT)

    for channel in (DEPLOYS, INCIDENT):
        [banner] = eventually(
            lambda channel=channel: [
                b for b in banners(stage, channel) if "unlocked by <@U02BOB>" in b["text"]
            ]
        )
        assert "1 change can continue" in block_text(banner)
        assert buttons(banner) == []
    assert locked(stage) is None
    assert stage.platform.changes.get(change.id).open


@pytest.mark.requirement("SL-004")
def test_in_a_thread_a_mention_locks_and_unlocks(stage):
    def mention(text):
        event = {
            "type": "app_mention",
            "user": BOB,
            "channel": INCIDENT,
            "thread_ts": "17.5",
            "text": f"<@U0BOT> {text}",
        }
        assert stage.event(event).status == 200

    mention("lock prod 1h db failover")
    [banner] = eventually(lambda: banners(stage, INCIDENT))
    assert banner["thread_ts"] == "17.5"
    mention("promotions")
    eventually(lambda: [t for t in stage.private_texts(BOB) if "prod nothing" in t])
    mention("unlock prod it is over")
    eventually(lambda: "unlocked" in banners(stage, INCIDENT)[0]["text"])
    mention("lok prod")
    mention("lock prod")
    mention("")
    for answer in (
        "How to use",
        "unknown command 'lok'",
        "the environment or the reason is missing",
    ):
        eventually(lambda answer=answer: [t for t in stage.private_texts(BOB) if answer in t])
    assert {e["thread_ts"] for e in stage.slack.ephemerals} == {"17.5"}


@pytest.mark.requirement("SL-001")
def test_a_lock_without_a_reason_asks_for_one(stage):
    stage.command("/lock prod 30m", user=BOB, channel=INCIDENT)
    [view] = eventually(lambda: stage.slack.views)

    wrong = stage.submit(view, BOB, reason="db", duration="soon")
    assert "duration" in json.loads(wrong.body)["errors"]
    assert stage.submit(view, BOB, reason="db failover", duration="45m").status == 200

    held = eventually(lambda: locked(stage))
    assert held.reason == "db failover"
    eventually(lambda: banners(stage, INCIDENT))


@pytest.mark.requirement("SL-004")
def test_a_message_can_be_the_reason_to_lock(stage):
    body = {
        "type": "message_action",
        "callback_id": "lock_from_message",
        "trigger_id": "trigger-secret-x",
        "response_url": f"RESPONSES/{BOB}/x",
        "team": {"id": TEAM},
        "user": {"id": BOB, "team_id": TEAM},
        "channel": {"id": INCIDENT},
        "message": {"ts": "1.0", "text": "it burns", "thread_ts": "0.5"},
    }

    assert stage.send({"payload": json.dumps(body)}).status == 200

    [view] = eventually(lambda: stage.slack.views)
    stage.submit(view, BOB, reason="it burns", target="prod")
    eventually(lambda: banners(stage, INCIDENT))


@pytest.mark.requirement("SL-001")
def test_unlocking_asks_why_from_the_banner_too(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: banners(stage, DEPLOYS))

    stage.click("floe_unlock", "prod", BOB)
    [view] = eventually(lambda: stage.slack.views)
    stage.submit(view, BOB, reason="over")

    eventually(lambda: "unlocked" in banners(stage, DEPLOYS)[0]["text"])
    stage.command("/unlock prod again", user=BOB)
    eventually(lambda: [t for t in stage.private_texts(BOB) if "Nothing to do" in t])


def test_locking_what_is_locked_names_the_holder_and_unlocking_is_for_those_who_may(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: locked(stage))

    stage.command("/lock prod INC-2", user=CAROL)
    stage.command("/unlock prod mine now", user=CAROL)

    told = eventually(lambda: len(t := stage.private_texts(CAROL)) == 2 and t)
    assert [t for t in told if t.startswith("Not locked: ") and "Locked by: bob@acme.com" in t]
    assert [t for t in told if t.startswith("Not unlocked: Unauthorized")]
    assert locked(stage).reason == "INC-1"


@pytest.mark.requirement("FR-048")
def test_who_is_refused_a_lock_or_an_unlock_is_on_record_as_everywhere_else(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: locked(stage))

    stage.command("/lock prod INC-2", user=CAROL)
    eventually(lambda: ("lock", "lock") in refused(stage))
    stage.command("/unlock prod mine now", user=CAROL)

    eventually(lambda: ("unlock", "authorization") in refused(stage))


def refused(stage):
    """What carol was refused by the ledger of prod: what she tried, and the rule."""
    records = [entry.record for entry in stage.platform.engine.history("prod")]
    return {
        (record.action, record.rule)
        for record in records
        if isinstance(record, RefusalRecord) and record.operator == "carol@acme.com"
    }


@pytest.mark.requirement("SL-004")
def test_a_lock_lifted_elsewhere_takes_its_banners_down(stage, tmp_path):
    stage.command("/lock prod INC-1", user=BOB, channel=INCIDENT)
    eventually(lambda: banners(stage, INCIDENT))
    stage.stop()
    stage.start()
    stage.unlock_elsewhere("prod", stage.operator("alice@acme.com"))

    # The next look is on the clock; a start looks at once.
    stage.restart()

    for channel in (DEPLOYS, INCIDENT):
        eventually(lambda channel=channel: "unlocked by" in banners(stage, channel)[0]["text"])
        assert len(banners(stage, channel)) == 1


def test_a_promotion_into_a_locked_environment_is_told_who_locked_it(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: locked(stage))

    stage.command("/promote v1.0.0 prod")

    [told] = eventually(lambda: stage.private_texts(ALICE))
    assert told.startswith("Not started: Environment 'prod' is locked. Reason: INC-1")
    assert told.endswith("Unlock: /unlock prod …")


@pytest.mark.requirement("SL-005")
def test_a_lock_that_was_taken_before_a_crash_is_not_refused_afterwards(stage):
    stage.command("/lock prod INC-1", user=BOB, channel=INCIDENT)
    eventually(lambda: banners(stage, INCIDENT))
    stage.stop()
    store = BotStore(stage.folder / ".floe")
    arguments = {"target": "prod", "duration": "", "reason": "INC-1"}
    action = Action(
        action_key("lock", "t"), "lock", Origin(BOB, TEAM, INCIDENT), TRACE_ID, arguments
    )
    # As it was begun, and ended after its effect, before anybody was told.
    Inbox(store).accept(action)
    Inbox(store).start_attempt(action)

    stage.start()
    eventually(lambda: not Inbox(store).pending())
    store.close()

    time.sleep(0.3)
    assert stage.private_texts(BOB) == []
    records = [e.record for e in stage.platform.engine.history("prod", 9)]
    assert len([r for r in records if isinstance(r, LockRecord)]) == 1


@dataclass
class Later:
    """Implements `engine.ports.Clock`: two minutes ahead."""

    def now(self):
        return datetime.now(UTC) + timedelta(minutes=2)


@pytest.mark.requirement("SL-004")
def test_a_lock_that_runs_out_takes_its_banner_down(stage):
    stage.command("/lock prod 1m INC-1", user=BOB)
    eventually(lambda: banners(stage, DEPLOYS))
    later = replace(stage.platform, engine=replace(stage.platform.engine, clock=Later()))
    store = BotStore(stage.folder / ".floe")
    look = RenderingContext(later.engine.path, SlashCommands(), channel=DEPLOYS)

    LockBanners(later, store, MessageStore(store), stage.bot.outbox, look).refresh()
    store.close()

    [banner] = eventually(
        lambda: [b for b in banners(stage, DEPLOYS) if "the lock expired after 1 min" in b["text"]]
    )
    assert buttons(banner) == []


def test_a_broken_ledger_keeps_its_banner_and_stops_no_other(stage):
    for target in ("staging", "prod"):
        stage.command(f"/lock {target} INC-1", user=BOB)
        eventually(lambda target=target: any(target in b["text"] for b in banners(stage, DEPLOYS)))
    registry = stage.platform.engine.registry
    registry.put(registry.fetch(Tag("v1.0.0-dev")), Tag("floe-ledger.staging"))
    stage.unlock_elsewhere("prod", stage.operator("alice@acme.com"))
    store = BotStore(stage.folder / ".floe")
    look = RenderingContext(stage.platform.engine.path, SlashCommands(), channel=DEPLOYS)

    LockBanners(stage.platform, store, MessageStore(store), stage.bot.outbox, look).refresh()

    with store.transaction() as db:
        ended = db.execute("SELECT environment, ended FROM banners ORDER BY environment").fetchall()
    store.close()
    assert [tuple(row) for row in ended] == [("prod", 1), ("staging", 0)]
