"""One command locks an environment of many products, and one click unlocks them."""

import json
import socket
from contextlib import contextmanager

import pytest

from bot.blocks.group_lock import PartState
from bot.catalog import Catalog
from bot.database import BotStore, bot_database
from bot.group_lock_store import GroupLock, GroupLockStore, Undo
from bot.inbox import Origin
from bot.lock_banners import LockBanners
from bot.message_store import MessageStore
from engine.config import load_installation
from tests.bot.company import DEPLOYS, PAYMENTS, company_in
from tests.bot.fake_slack import TEAM
from tests.bot.stage import BOB, DAVE, INCIDENT, block_text, buttons, eventually

pytestmark = pytest.mark.requirement("SL-004")
NAMES = ("payments", "checkout", "ledger")


@pytest.fixture
def company(tmp_path):
    with company_in(tmp_path, *NAMES, slack=f"slack: {{channel: {PAYMENTS}}}") as built:
        yield built


def lock_all(company, command="/lock --all prod 30m INC-42: all is slow", user=BOB, **values):
    """Confirm a lock of all products in its form; returns the message about it."""
    shown = len(company.slack.views)
    assert company.command(command, user, channel=INCIDENT).status == 200
    view = eventually(
        lambda: len(company.slack.views) > shown and "blocks" in company.form() and company.form()
    )
    view = eventually(lambda: (v := company.form()).get("callback_id") != "loading" and v)
    company.submit(view, user, **{"reason": "INC-42: all is slow", "duration": "30m", **values})
    return view


def message(company):
    return eventually(lambda: company.slack.in_channel(INCIDENT))[0]


def unlock_all(company, user, reason="it is over"):
    """Click "Unlock all" and confirm it in its form."""
    [undo] = [b for b in message(company)["blocks"] if b["type"] == "actions"]
    company.click("floe_unlock_all", undo["elements"][0]["value"], user)
    form = eventually(lambda: (v := company.form())["callback_id"] == "floe_unlock_all_form" and v)
    company.submit(form, user, reason=reason)


@contextmanager
def company_with_dead_registry(folder, **settings):
    """The registry of payments refuses connections, and that of checkout works."""
    with socket.create_server(("127.0.0.1", 0)) as dead:
        port = dead.getsockname()[1]

    def registry(name):
        closed = f"uri: 'oci://127.0.0.1:{port}/x'"
        return closed if name == "payments" else f"uri: oci-layout:./{name}"

    with company_in(folder, "payments", "checkout", registries=registry, **settings) as company:
        yield company


def test_one_command_locks_all_products_and_one_click_unlocks_them(company):
    view = lock_all(company)

    assert "Locks *prod* of 3 products: payments, checkout, ledger" in block_text(view)
    eventually(lambda: "*Locked (3)*" in block_text(message(company)))
    assert [company.lock_of(name) for name in NAMES] == ["INC-42: all is slow"] * 3
    assert buttons(message(company)) == ["floe_unlock_all"]

    unlock_all(company, BOB)

    eventually(lambda: "*Unlocked (3)*" in block_text(message(company)))
    assert [company.lock_of(name) for name in NAMES] == [None] * 3
    assert buttons(message(company)) == []
    assert len(company.slack.in_channel(INCIDENT)) == 1


def test_undo_keeps_locks_that_the_message_did_not_take(company):
    company.command("/lock ledger prod maintenance", BOB)
    eventually(lambda: company.lock_of("ledger"))
    lock_all(company)
    eventually(lambda: "*Locked (2)*" in block_text(message(company)))
    assert "ledger: Environment" in block_text(message(company))
    company.command("/unlock checkout prod wrong product", BOB)
    eventually(lambda: company.lock_of("checkout") is None)
    company.command("/lock checkout prod another incident", BOB)
    eventually(lambda: company.lock_of("checkout"))

    unlock_all(company, BOB)

    eventually(lambda: "*Unlocked (1)*" in block_text(message(company)))
    eventually(lambda: "*Kept (1)*" in block_text(message(company)))
    locks = [company.lock_of(name) for name in NAMES]
    assert locks == [None, "another incident", "maintenance"]


def test_person_locks_only_products_that_they_may_lock(company):
    company.slack.person("U09EVE", "eve@acme.com")

    company.command("/lock --all prod INC-1", "U09EVE", channel=INCIDENT)

    eventually(lambda: "you may not lock prod of any product" in json.dumps(company.form()))
    assert company.lock_of("checkout") is None


def test_all_includes_only_products_with_such_an_environment(company):
    view = lock_all(company, "/lock --all qa INC-1", DAVE)

    assert "Locks *qa* of 1 product: ledger" in block_text(view)
    eventually(lambda: company.lock_of("ledger", "qa"))


def test_dead_registry_delays_no_lock_of_another_product(tmp_path):
    with company_with_dead_registry(tmp_path) as company:
        lock_all(company)

        eventually(lambda: company.lock_of("checkout"))
        eventually(lambda: "*Locked (1)*" in block_text(message(company)))
        eventually(lambda: "payments: is tried again" in block_text(message(company)))


def test_person_without_rights_ends_no_lock_that_is_still_being_taken(tmp_path):
    with company_with_dead_registry(tmp_path) as company:
        company.slack.person("U09EVE", "eve@acme.com")
        lock_all(company)
        eventually(lambda: "payments: is tried again" in block_text(message(company)))

        unlock_all(company, "U09EVE", "no reason")

        refused = "you may not unlock prod of any of these products"
        eventually(lambda: refused in str(company.private_texts("U09EVE")))
        assert "*Being locked (1)*" in block_text(message(company))
        assert company.lock_of("checkout") == "INC-42: all is slow"


def test_person_ends_only_locks_of_products_that_they_may_lock(tmp_path):
    roles = (
        "  roles: [{groups: [developers], role: operator},"
        " {operators: [eve@acme.com], role: admin, products: [payments]}]"
    )
    with company_with_dead_registry(tmp_path, roles=roles) as company:
        company.slack.person("U09EVE", "eve@acme.com")
        lock_all(company)
        eventually(lambda: "payments: is tried again" in block_text(message(company)))
        eventually(lambda: "*Locked (1)*" in block_text(message(company)))

        unlock_all(company, "U09EVE")

        eventually(lambda: "*Being unlocked (1)*" in block_text(message(company)))
        assert "not unlocked" not in block_text(message(company))
        assert company.lock_of("checkout") == "INC-42: all is slow"


def test_second_request_to_unlock_does_not_replace_the_first(tmp_path):
    store = BotStore(bot_database(tmp_path))
    locks = GroupLockStore(store)
    bob, eve = (Origin(user, "T1", INCIDENT) for user in (BOB, "U09EVE"))
    locks.add(GroupLock("l1", "prod", "30m", "INC-42", "@bob", bob), NAMES)

    locks.undo("l1", ["payments"], Undo(bob, "it is over"))
    locks.undo("l1", ["payments", "ledger"], Undo(eve, "no reason"))

    assert locks.get("l1").undone == {
        "payments": Undo(bob, "it is over"),
        "ledger": Undo(eve, "no reason"),
    }
    states = {part.product: part.state.value for part in locks.parts("l1")}
    assert states == {"payments": "unlocking", "checkout": "locking", "ledger": "unlocking"}
    store.close()


def test_rights_are_judged_again_when_the_lock_ends(tmp_path):
    with company_with_dead_registry(tmp_path) as company:
        company.slack.person("U09EVE", "eve@acme.com")
        lock_all(company)
        eventually(lambda: "payments: is tried again" in block_text(message(company)))
        store = BotStore(bot_database(company.folder / ".floe"))
        locks = GroupLockStore(store)
        with store.read() as db:
            [[lock_id]] = db.execute("SELECT id FROM group_locks").fetchall()

        undo = Undo(Origin("U09EVE", TEAM, INCIDENT), "she lost the right to")
        locks.undo(lock_id, ["payments"], undo)

        eventually(lambda: "locking" in [part.state for part in locks.parts(lock_id)])
        store.close()


def test_lock_continues_after_a_restart(company):
    company.stop()
    company.start()
    lock_all(company)
    eventually(lambda: "*Locked (3)*" in block_text(message(company)))

    company.stop()
    company.start()

    unlock_all(company, BOB)
    eventually(lambda: "*Unlocked (3)*" in block_text(message(company)))


def test_lock_that_was_taken_before_floe_stopped_counts_as_taken(company):
    company.command("/lock checkout prod INC-42: all is slow", BOB)
    eventually(lambda: company.lock_of("checkout"))

    lock_all(company)

    eventually(lambda: "*Locked (3)*" in block_text(message(company)))


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (PartState.REFUSED, PartState.LOCKED),
        (PartState.LOCKED, PartState.LOCKED),
        (PartState.UNLOCKING, PartState.UNLOCKING),
        (PartState.UNLOCKED, PartState.UNLOCKING),
    ],
)
def test_late_lock_is_unlocked_only_if_it_was_undone(tmp_path, state, after):
    store = BotStore(bot_database(tmp_path))
    locks = GroupLockStore(store)
    locks.add(GroupLock("l", "prod", "", "INC-1", "Bob", Origin(BOB, "T1", DEPLOYS)), ["ledger"])
    [part] = locks.parts("l")
    locks.move("l", part, state)

    locks.move("l", part, PartState.LOCKED, locked_at="2026-01-01T00:00:00+00:00")

    [found] = locks.parts("l")
    store.close()
    assert (found.state, found.locked_at) == (after, "2026-01-01T00:00:00+00:00")


def test_mention_refuses_all_because_it_needs_a_form(company):
    event = {
        "type": "app_mention",
        "user": BOB,
        "channel": INCIDENT,
        "text": "<@U0BOT> lock --all prod INC-42",
    }
    assert company.event(event).status == 200

    eventually(lambda: "asks for a confirmation" in str(company.private_texts(BOB)))


def test_only_channels_of_a_product_have_a_banner_beside_the_message(company):
    lock_all(company)
    eventually(lambda: "*Locked (3)*" in block_text(message(company)))
    store = BotStore(bot_database(company.folder / ".floe"))
    catalog = Catalog(company.products, load_installation(company.folder / "floe.yaml", {}).server)
    messages, outbox = MessageStore(store), company.bot.outbox
    banners = LockBanners(catalog, store, messages, outbox, GroupLockStore(store))

    for name in NAMES:
        banners.refresh(name)
    store.close()

    eventually(lambda: company.slack.in_channel(PAYMENTS))
    company.command("/lock checkout staging INC-1", DAVE)
    eventually(lambda: company.slack.in_channel(DEPLOYS))
    [banner] = company.slack.in_channel(DEPLOYS)
    assert "checkout staging" in banner["text"]
