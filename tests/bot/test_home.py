"""App Homes show waiting changes, environments and own requests."""

import pytest

from bot.catalog import Catalog
from bot.change_feed import FeedFollower
from bot.database import BotStore, bot_database
from bot.gate_progress import GateProgressStore
from bot.message_store import MessageStore
from engine.config import load_config
from tests.bot.stage import ALICE, BOB, block_text, eventually


def open_home(stage, user):
    stage.event({"type": "app_home_opened", "user": user, "tab": "home", "channel": "D1"})
    return eventually(lambda: stage.slack.homes.get(user))


@pytest.mark.requirement("SL-003")
def test_home_lists_waiting_changes_first_with_a_link(stage):
    change = stage.waiting_change()
    eventually(lambda: stage.slack.called("chat.getPermalink"))

    home = eventually(
        lambda: (h := open_home(stage, BOB)) and "https://acme.slack.com/" in block_text(h) and h
    )

    assert "Waiting for you (1)" in block_text(home)
    assert f"wait:{change.id}" in block_text(home)
    assert "v1.0.0" in block_text(home)


def test_requester_sees_own_requests_and_no_waiting_change(stage):
    stage.waiting_change()

    home = open_home(stage, ALICE)

    assert "Waiting for you (0)" in block_text(home)
    assert "awaiting approval, 0 of 1 approvals" in block_text(home)


def test_home_shows_no_environments_to_people_who_are_not_members(stage):
    stage.stop()
    manifest = stage.folder / "manifest.yaml"
    members = "web: {visibility: members, auth: {mode: proxy}, "
    manifest.write_text(manifest.read_text().replace("web: {", members))
    stage.start()
    stage.slack.person("U09EVE", "eve@acme.com")

    outside, member = open_home(stage, "U09EVE"), open_home(stage, BOB)

    assert "you may not see this server" in block_text(outside)
    assert "v2.0.0" not in block_text(outside)
    assert "v2.0.0" in block_text(member)


def test_open_home_is_updated_after_a_change(stage):
    assert "Waiting for you (0)" in block_text(open_home(stage, BOB))

    stage.waiting_change()

    eventually(lambda: "Waiting for you (1)" in block_text(stage.slack.homes[BOB]))


def test_home_is_updated_by_a_server_that_does_not_lead(stage):
    rounds = []
    store = BotStore(bot_database(stage.folder / "other"))
    messages = MessageStore(store)
    follower = FeedFollower(
        Catalog(stage.products, load_config(stage.folder / "manifest.yaml", {})),
        store,
        messages,
        GateProgressStore(store, messages),
        None,
        None,
        None,
        None,
        rounds.append,
        lambda: False,
    )
    follower.start()
    eventually(lambda: rounds)
    before = any(rounds)

    follower.wake()

    eventually(lambda: any(rounds))
    follower.stop()
    store.close()
    assert not before


def test_home_counts_approvals_only_while_a_change_waits(stage):
    change = stage.waiting_change()
    open_home(stage, ALICE)

    stage.click("floe_approve", change.id, BOB)

    eventually(lambda: "prod · promoted · <!date" in block_text(stage.slack.homes[ALICE]))


def test_guest_sees_an_empty_home(stage):
    stage.slack.users[BOB]["is_ultra_restricted"] = True

    home = open_home(stage, BOB)

    assert "Not shown" in block_text(home)
    assert "staging" not in block_text(home)


def test_messages_tab_publishes_no_home(stage):
    stage.event({"type": "app_home_opened", "user": BOB, "tab": "messages"})
    open_home(stage, ALICE)

    assert BOB not in stage.slack.homes
