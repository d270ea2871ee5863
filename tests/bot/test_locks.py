"""Locks from Slack and their banners."""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.catalog import Catalog
from bot.database import BotStore, bot_database
from bot.group_lock_store import GroupLockStore
from bot.inbox import Action, Inbox, Origin, action_key
from bot.lock_banners import LockBanners
from bot.message_store import MessageStore
from engine.config import load_config
from engine.domain.product import UNNAMED
from engine.domain.record import LockRecord, RefusalRecord
from engine.platform import Products
from tests.bot.fake_slack import TEAM
from tests.bot.stage import ALICE, BOB, CAROL, DEPLOYS, INCIDENT, block_text, buttons, eventually
from tests.peers import oci_layout
from tests.scenarios.engines import TRACE_ID, with_parts


def prod_lock(stage):
    return stage.platform.engine.status()[2].lock


def banners(stage, channel):
    return [m for m in stage.slack.messages if m["channel"] == channel and "locked" in m["text"]]


@pytest.mark.requirement("SL-004")
def test_lock_banner_is_shown_in_both_channels(stage):
    change = stage.waiting_change()

    stage.command("/lock prod 30m db <!here> failover &amp; more", user=BOB, channel=INCIDENT)

    for channel in (DEPLOYS, INCIDENT):
        [banner] = eventually(lambda channel=channel: banners(stage, channel))
        assert "prod is locked by <@U02BOB>: db @here failover &amp; more" in banner["text"]
        assert "1 change waiting" in block_text(banner)
        assert buttons(banner) == ["floe_unlock"]
    held = prod_lock(stage)
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
    assert prod_lock(stage) is None
    assert stage.platform.changes.get(change.id).open


@pytest.mark.requirement("SL-001")
def test_lock_without_a_reason_opens_a_form(stage):
    stage.command("/lock prod 30m", user=BOB, channel=INCIDENT)
    [view] = eventually(lambda: stage.slack.views)

    wrong = stage.submit(view, BOB, reason="db", duration="soon")
    assert "duration" in json.loads(wrong.body)["errors"]
    assert stage.submit(view, BOB, reason="db failover", duration="45m").status == 200

    held = eventually(lambda: prod_lock(stage))
    assert held.reason == "db failover"
    eventually(lambda: banners(stage, INCIDENT))


@pytest.mark.requirement("SL-004")
def test_message_shortcut_opens_the_lock_form(stage):
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
def test_unlock_button_of_the_banner_asks_for_a_reason(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: banners(stage, DEPLOYS))

    stage.click("floe_unlock", "prod", BOB)
    [view] = eventually(lambda: stage.slack.views)
    stage.submit(view, BOB, reason="over")

    eventually(lambda: "unlocked" in banners(stage, DEPLOYS)[0]["text"])
    stage.command("/unlock prod again", user=BOB)
    eventually(lambda: [t for t in stage.private_texts(BOB) if "Nothing to do" in t])


def test_second_lock_names_the_holder_and_unlock_needs_authorization(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: prod_lock(stage))

    stage.command("/lock prod INC-2", user=CAROL)
    stage.command("/unlock prod mine now", user=CAROL)

    texts = eventually(lambda: len(t := stage.private_texts(CAROL)) == 2 and t)
    assert [t for t in texts if t.startswith("Not locked: ") and "Locked by: bob@acme.com" in t]
    assert [t for t in texts if t.startswith("Not unlocked: Unauthorized")]
    assert prod_lock(stage).reason == "INC-1"


@pytest.mark.requirement("FR-048")
def test_refused_lock_and_unlock_are_recorded(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: prod_lock(stage))

    stage.command("/lock prod INC-2", user=CAROL)
    eventually(lambda: ("lock", "lock") in recorded_refusals(stage))
    stage.command("/unlock prod mine now", user=CAROL)

    eventually(lambda: ("unlock", "authorization") in recorded_refusals(stage))


def recorded_refusals(stage):
    """The actions of carol that the ledger of prod records as refused, with their rules."""
    records = [entry.record for entry in stage.platform.engine.history("prod")]
    return {
        (record.action, record.rule)
        for record in records
        if isinstance(record, RefusalRecord) and record.operator == "carol@acme.com"
    }


@pytest.mark.requirement("SL-004")
def test_unlock_in_another_interface_closes_the_banners(stage, tmp_path):
    stage.command("/lock prod INC-1", user=BOB, channel=INCIDENT)
    eventually(lambda: banners(stage, INCIDENT))
    stage.stop()
    stage.start()
    stage.unlock_elsewhere("prod", stage.operator("alice@acme.com"))

    # The next refresh would come later; a start refreshes at once.
    stage.restart()

    for channel in (DEPLOYS, INCIDENT):
        eventually(lambda channel=channel: "unlocked by" in banners(stage, channel)[0]["text"])
        assert len(banners(stage, channel)) == 1


def test_promotion_into_a_locked_environment_shows_the_lock(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: prod_lock(stage))

    stage.command("/promote v1.0.0 prod")

    [text] = eventually(lambda: stage.private_texts(ALICE))
    assert text.startswith("Not started: Environment 'prod' is locked. Reason: INC-1")
    assert text.endswith("Unlock: /unlock prod …")


@pytest.mark.requirement("SL-005")
def test_retried_lock_after_a_crash_is_not_refused(stage):
    stage.command("/lock prod INC-1", user=BOB, channel=INCIDENT)
    eventually(lambda: banners(stage, INCIDENT))
    stage.stop()
    store = BotStore(bot_database(stage.folder / ".floe"))
    arguments = {"target": "prod", "duration": "", "reason": "INC-1"}
    action = Action(
        action_key("lock", "t"), "lock", Origin(BOB, TEAM, INCIDENT), TRACE_ID, arguments
    )
    # Simulates a crash after the effect of the action, before its answer.
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
    """A clock that is two minutes ahead."""

    def now(self):
        return datetime.now(UTC) + timedelta(minutes=2)


@pytest.mark.requirement("SL-004")
def test_expired_lock_closes_its_banner(stage):
    stage.command("/lock prod 1m INC-1", user=BOB)
    eventually(lambda: banners(stage, DEPLOYS))
    later = replace(stage.platform, engine=with_parts(stage.platform.engine, clock=Later()))
    products = Products(
        {UNNAMED: later},
        stage.products.store,
        stage.products.worker,
        stage.products.people,
        several=False,
    )
    catalog = Catalog(products, load_config(stage.folder / "manifest.yaml", {}))
    store = BotStore(bot_database(stage.folder / ".floe"))

    LockBanners(
        catalog, store, MessageStore(store), stage.bot.outbox, GroupLockStore(store)
    ).refresh(UNNAMED)
    store.close()

    [banner] = eventually(
        lambda: [b for b in banners(stage, DEPLOYS) if "the lock expired after 1 min" in b["text"]]
    )
    assert buttons(banner) == []


def test_unreadable_ledger_keeps_its_banner_and_others_are_updated(stage):
    for target in ("staging", "prod"):
        stage.command(f"/lock {target} INC-1", user=BOB)
        eventually(lambda target=target: any(target in b["text"] for b in banners(stage, DEPLOYS)))
    registry = stage.platform.engine.runner.registry
    oci_layout.lose(Path(registry.reference), "floe-head.staging")
    stage.unlock_elsewhere("prod", stage.operator("alice@acme.com"))
    store = BotStore(bot_database(stage.folder / ".floe"))
    catalog = Catalog(stage.products, load_config(stage.folder / "manifest.yaml", {}))

    LockBanners(
        catalog, store, MessageStore(store), stage.bot.outbox, GroupLockStore(store)
    ).refresh(UNNAMED)

    with store.transaction() as db:
        ended = db.execute("SELECT environment, ended FROM banners ORDER BY environment").fetchall()
    store.close()
    assert [tuple(row) for row in ended] == [("prod", 1), ("staging", 0)]


def test_event_of_the_registry_updates_the_banners(stage):
    stage.command("/lock prod INC-1", user=BOB)
    eventually(lambda: banners(stage, DEPLOYS))
    stage.unlock_elsewhere("prod", stage.operator("alice@acme.com"))

    stage.products.notice(UNNAMED)

    eventually(lambda: "unlocked" in banners(stage, DEPLOYS)[0]["text"], seconds=10)
