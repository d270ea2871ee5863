"""Requesters and approvers get direct messages, each of them once and only while it is true."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.blocks.home import MUTE, MUTED
from bot.database import BotStore, bot_database
from bot.notice_store import Kind, NoticeStore
from engine.changes.deployment_events import record_rollout
from engine.config.people import QuietHours
from engine.domain.change import ChangeState
from engine.domain.deployments import Rollout
from tests.bot.company import company_in
from tests.bot.manifest import bot_manifest
from tests.bot.stage import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DEPLOYS,
    block_text,
    click_body,
    eventually,
    stage_in,
)

LIVE = "v1.0.0 is live in prod."


def direct(stage, user):
    """The texts of the direct messages to `user`."""
    return [m["text"] for m in stage.slack.in_channel(f"D{user}")]


def quiet_now():
    """Quiet hours from an hour ago until in an hour."""
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 1))
    return f'quiet_hours: {{from: "{start}", to: "{end}", zone: UTC}}'


def end_quiet_hours(stage, notify):
    """Restart the bot as if the quiet hours were over."""
    stage.stop()
    (stage.folder / "manifest.yaml").write_text(bot_manifest(DEPLOYS, notify=notify))
    store = BotStore(bot_database(stage.folder / ".floe"))
    with store.transaction() as db:
        db.execute("UPDATE notices SET due = 0 WHERE done = 0")
    store.close()
    stage.start()


def notices(stage):
    """The keys of the direct messages that wait."""
    with (store := BotStore(bot_database(stage.folder / ".floe"))).read() as db:
        rows = db.execute("SELECT key FROM notices WHERE done = 0").fetchall()
    store.close()
    return [key.partition(":")[2] for (key,) in rows]


def choice(user, *products):
    """The products that a person chooses to mute in the Home tab."""
    body = click_body(MUTED, "", user)
    body["actions"][0]["selected_options"] = [{"value": name} for name in products]
    return json.dumps(body)


def test_requester_hears_once_that_the_change_is_live(stage):
    change = stage.waiting_change()
    stage.click("floe_approve", change.id, BOB)
    stage.eventually(lambda: direct(stage, ALICE))

    stage.restart()
    second = stage.waiting_change("v2.0.0")
    stage.click("floe_approve", second.id, BOB)
    stage.eventually(lambda: len(direct(stage, ALICE)) > 1)

    first, _ = stage.slack.in_channel(f"D{ALICE}")
    assert direct(stage, ALICE) == [LIVE, "v2.0.0 is live in prod."]
    assert "https://acme.slack.com/archives/C01DEPLOY/" in block_text(first)
    assert direct(stage, BOB) == []


@pytest.mark.parametrize(
    ("name", "identity"),
    [("alice@acme.com", ""), ("ann@home.example", "aliases: {ann@home.example: [alice@acme.com]}")],
)
def test_requester_of_another_interface_is_found_in_slack(tmp_path, name, identity):
    with stage_in(tmp_path, identity=identity) as stage:
        change = stage.submit_elsewhere("v1.0.0", stage.operator(name))
        stage.change(ChangeState.AWAITING_APPROVAL)

        stage.platform.changes.reject(change.id, stage.operator("bob@acme.com"), "no", "cli")

        eventually(lambda: direct(stage, ALICE))


def test_requester_who_cancels_hears_nothing(stage):
    change = stage.waiting_change()

    stage.platform.changes.cancel(change.id, stage.operator("alice@acme.com"), "cli")

    eventually(lambda: "Cancelled" in block_text(stage.card()))
    time.sleep(1)
    assert direct(stage, ALICE) == []


def test_each_approver_is_asked_once_and_the_request_is_closed(tmp_path):
    with stage_in(tmp_path, notify="approvers: dm") as stage:
        stage.slack.users[CAROL]["is_restricted"] = True
        change = stage.waiting_change()
        eventually(lambda: direct(stage, BOB))
        [asked] = direct(stage, BOB)

        stage.platform.changes.reject(change.id, stage.operator("bob@acme.com"), "no", "cli")
        eventually(lambda: direct(stage, ALICE))
        eventually(lambda: direct(stage, BOB) != [asked])

        assert asked == "Please review v1.0.0: staging → prod, requested by <@U01ALICE>."
        assert len(direct(stage, BOB)) == len(direct(stage, ALICE)) == 1
        assert "rejected v1.0.0: staging → prod" in direct(stage, BOB)[0]
        assert direct(stage, CAROL) == direct(stage, DAVE) == []


def test_change_that_ends_while_approvers_are_looked_up_asks_no_one(tmp_path):
    with stage_in(tmp_path, notify="approvers: dm") as stage:
        usual, rejected = stage.slack._users_info, []

        def answer(arguments):
            if arguments["user"] == BOB and not rejected:
                rejected.append(stage.change(ChangeState.AWAITING_APPROVAL))
                bob = stage.operator("bob@acme.com")
                stage.platform.changes.reject(rejected[0].id, bob, "no", "cli")
                eventually(lambda: "end" in notices(stage))
            return usual(arguments)

        stage.slack._users_info = answer
        change = stage.waiting_change()
        eventually(lambda: direct(stage, ALICE))

        assert rejected
        assert stage.bot.messages.keys_with_prefix(f"{change.id}:ask:") == ()


def test_approvers_are_asked_again_when_an_approval_is_lost(tmp_path):
    with stage_in(tmp_path, notify="approvers: dm") as stage:
        stage.slack.groups["release-managers"] = [BOB, CAROL]
        change = stage.waiting_change()
        eventually(lambda: direct(stage, CAROL))
        [asked] = direct(stage, CAROL)
        stage.restart(worker=False)
        stage.click("floe_approve", change.id, BOB)
        eventually(lambda: "needs no more approvals" in direct(stage, CAROL)[0])
        # Bob left the company.
        stage.slack.users[BOB]["deleted"] = True
        stage.slack.groups["release-managers"] = [CAROL]
        stage.restart()

        eventually(lambda: direct(stage, CAROL) == [asked])
        stage.change(ChangeState.AWAITING_APPROVAL)


def test_more_than_fifty_approvers_are_asked_in_the_channel_only(tmp_path):
    with stage_in(tmp_path, notify="approvers: dm") as stage:
        many = [f"U09P{number:02}" for number in range(50)]
        for user in many:
            stage.slack.person(user, f"{user.lower()}@acme.com")
        stage.slack.groups["release-managers"] = [*many, BOB]
        change = stage.waiting_change()

        stage.platform.changes.reject(change.id, stage.operator("bob@acme.com"), "no", "cli")
        eventually(lambda: direct(stage, ALICE))

        assert {m["channel"] for m in stage.slack.messages} == {DEPLOYS, f"D{ALICE}"}


def test_messages_of_quiet_hours_are_sent_afterwards_if_still_true(tmp_path):
    with stage_in(tmp_path, notify=f"approvers: dm, {quiet_now()}") as stage:
        change = stage.waiting_change()
        eventually(lambda: notices(stage) == ["ask"])
        stage.platform.changes.reject(change.id, stage.operator("bob@acme.com"), "no", "cli")
        eventually(lambda: notices(stage) == ["end"])
        time.sleep(0.5)
        early = {m["channel"] for m in stage.slack.messages}

        end_quiet_hours(stage, "approvers: dm")
        eventually(lambda: direct(stage, ALICE))

        assert early == {DEPLOYS}
        assert len(direct(stage, ALICE)) == 1
        assert direct(stage, BOB) == []
        eventually(lambda: notices(stage) == [])


def test_failed_deployment_in_production_ignores_quiet_hours(tmp_path):
    with stage_in(tmp_path, notify=quiet_now()) as stage:
        change = stage.waiting_change()
        stage.click("floe_approve", change.id, BOB)
        done = stage.change(ChangeState.PROMOTED)

        record_rollout(stage.platform.store, "prod", done.record_id, Rollout(5, 3, ("eu-4",)))
        eventually(lambda: direct(stage, ALICE))

        [text] = direct(stage, ALICE)
        assert text == "v1.0.0 failed in prod: 3 of 5 clusters healthy, 1 failed: eu-4"


def test_muted_product_sends_no_direct_messages(tmp_path):
    with company_in(tmp_path, "checkout", "ledger") as company:
        company.send({"payload": choice(ALICE, "checkout")})
        eventually(lambda: "checkout" in block_text(company.slack.homes.get(ALICE, {"blocks": []})))
        for product in ("checkout", "ledger"):
            company.command(f"/promote {product} v1.0.0 prod")
            change = company.change_of(product, ChangeState.AWAITING_APPROVAL)
            company.products[product].changes.approve(
                change.id, company.operator("bob@acme.com"), "cli"
            )
            company.products.worker.wake()
            company.change_of(product, ChangeState.PROMOTED)

        eventually(lambda: direct(company, ALICE))

        assert direct(company, ALICE) == ["v1.0.0 is live in ledger prod."]


def test_only_product_is_muted_and_unmuted_in_the_home_tab(stage):
    stage.click(MUTE, "mute", ALICE)
    eventually(lambda: "Unmute" in block_text(stage.slack.homes.get(ALICE, {"blocks": []})))

    stage.click(MUTE, "unmute", ALICE)

    eventually(lambda: "Unmute" not in block_text(stage.slack.homes[ALICE]))


def test_notice_is_due_once(tmp_path):
    store = BotStore(bot_database(tmp_path))
    first, second = NoticeStore(store), NoticeStore(store)
    first.add("c-1", Kind.END)
    second.add("c-1", Kind.END)
    [due] = second.due()

    second.finish(due)
    first.add("c-1", Kind.END)

    assert first.due() == []
    assert first.next_due() is None
    store.close()


def test_notice_of_a_newer_version_waits_for_it(tmp_path):
    store = BotStore(bot_database(tmp_path))
    notices = NoticeStore(store)
    notices.add("c-1", Kind.END)
    with store.transaction() as db:
        db.execute("UPDATE notices SET kind = 'applause'")

    assert (notices.due(), notices.next_due()) == ([], None)
    store.close()


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-12-01T18:59", None),
        ("2026-12-01T19:00", "2026-12-02T07:00"),
        ("2026-12-02T06:59", "2026-12-02T07:00"),
        ("2026-12-02T07:00", None),
        # The night in which summer time begins.
        ("2026-03-28T22:00", "2026-03-29T06:00"),
    ],
)
def test_quiet_hours_end_in_their_time_zone(at, end):
    quiet = QuietHours.model_validate({"from": "20:00", "to": "08:00", "zone": "Europe/Berlin"})

    found = quiet.end_after(datetime.fromisoformat(f"{at}+00:00"))

    assert found == (datetime.fromisoformat(f"{end}+00:00") if end else None)


def test_quiet_hours_in_the_hour_that_comes_twice_end_later():
    quiet = QuietHours.model_validate({"from": "20:00", "to": "02:30", "zone": "Europe/Berlin"})

    found = quiet.end_after(datetime(2026, 10, 25, 1, 10, tzinfo=UTC))

    assert found == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
