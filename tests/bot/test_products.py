"""One bot serves several products: commands, cards and forms name the product."""

import json
import socket

import pytest

from engine.domain.artifact import Tag
from engine.domain.change import ChangeState
from engine.domain.operator import IdentitySource, Operator
from tests.bot.company import DEPLOYS, PAYMENTS, company_in
from tests.bot.stage import ALICE, BOB, block_text, click_body, eventually
from tests.bot.test_home import open_home


@pytest.fixture
def company(tmp_path):
    with company_in(
        tmp_path, "payments", "checkout", "ledger", slack=f"slack: {{channel: {PAYMENTS}}}"
    ) as built:
        yield built


def choose(company, product):
    """Choose `product` in the newest form."""
    view = company.form()
    values = {"product": {"floe_product": {"selected_option": {"value": product}}}}
    action = {
        "type": "external_select",
        "action_id": "floe_product",
        "block_id": "product",
        "selected_option": {"value": product},
    }
    body = {
        "type": "block_actions",
        "team": {"id": "T01ACME"},
        "user": {"id": ALICE, "team_id": "T01ACME"},
        "view": {**view, "state": {"values": values}},
        "trigger_id": "trigger-secret-choice",
        "actions": [action],
    }
    assert company.send({"payload": json.dumps(body)}).status == 200


def found(company, typed, user=ALICE, action="floe_product"):
    """The products that a select offers."""
    body = {
        "type": "block_suggestion",
        "team": {"id": "T01ACME"},
        "user": {"id": user, "team_id": "T01ACME"},
        "action_id": action,
        "block_id": "product",
        "value": typed,
    }
    answer = company.send({"payload": json.dumps(body)})
    return [each["value"] for each in json.loads(answer.body)["options"]]


def environments(view):
    [block] = [b for b in view["blocks"] if b.get("block_id") == "target"]
    return [each["value"] for each in block["element"]["options"]]


def chosen(view):
    [block] = [b for b in view["blocks"] if b.get("block_id") == "product"]
    return block["element"]["initial_option"]["value"]


@pytest.mark.requirement("SL-001")
def test_three_products_are_promoted_from_one_channel(company):
    for name in ("payments", "checkout", "ledger"):
        answer = company.command(f"/promote {name} v1.0.0 prod")
        assert f"Checking `{name} v1.0.0" in json.loads(answer.body)["text"]

    for name in ("payments", "checkout", "ledger"):
        change = company.change_of(name, ChangeState.AWAITING_APPROVAL)
        ask = company.approval_request(change)
        assert f"*{name} v1.0.0:" in block_text(ask)
        company.click("floe_approve", change.id, BOB)
        company.change_of(name, ChangeState.PROMOTED)
        registry = company.products[name].engine.runner.registry
        assert registry.resolve(Tag("latest-prod")) is not None

    titles = {
        channel: {m["blocks"][0]["text"]["text"] for m in company.slack.in_channel(channel)}
        for channel in (DEPLOYS, PAYMENTS)
    }
    assert titles == {
        DEPLOYS: {"Promote checkout v1.0.0 to prod", "Promote ledger v1.0.0 to prod"},
        PAYMENTS: {"Promote payments v1.0.0 to prod"},
    }


def test_product_may_be_left_out_in_its_channel(company):
    answer = company.command("/promote v1.0.0 prod", channel=PAYMENTS)

    assert "Checking `payments v1.0.0" in json.loads(answer.body)["text"]
    company.change_of("payments", ChangeState.AWAITING_APPROVAL)


def test_other_product_can_be_named_in_the_channel_of_one(company):
    company.command("/promote checkout v1.0.0 prod", channel=PAYMENTS)

    company.change_of("checkout", ChangeState.AWAITING_APPROVAL)


@pytest.mark.parametrize(
    ("text", "why", "suggested"),
    [
        (
            "/promote chekout v1.0.0 prod",
            "'chekout' is not a product. Did you mean checkout?",
            "/promote checkout v1.0.0 prod",
        ),
        (
            "/promote --product chekout v1.0.0 prod",
            "'chekout' is not a product. Did you mean checkout?",
            "/promote checkout v1.0.0 prod",
        ),
        ("/lock ledgr prod INC-1", "Did you mean ledger?", "/lock ledger prod INC-1"),
        ("/lock xyz prod INC-1", "'xyz' is not a product", "/lock help"),
        (
            "/promote checkout v1.0.0 qa",
            "'qa' is not an environment",
            "/promote checkout v1.0.0 prod",
        ),
    ],
)
def test_unknown_word_is_refused_with_the_nearest_product(company, text, why, suggested):
    answer = json.loads(company.command(text).body)

    assert why in answer["text"]
    assert f"`{suggested}`" in json.dumps(answer["blocks"])


def test_form_preselects_the_product_that_the_person_used_last(company):
    company.command("/lock ledger prod INC-1", BOB)
    eventually(lambda: company.lock_of("ledger"))

    company.command("/promote v1.0.0 prod", BOB)
    view = company.form()

    assert chosen(view) == "ledger"
    assert environments(view) == ["dev", "qa", "prod"]


@pytest.mark.requirement("SL-001")
def test_environments_follow_the_product_that_is_chosen_in_the_form(company):
    company.command("/promote v1.0.0")
    assert environments(company.form()) == ["dev", "staging", "prod"]

    choose(company, "ledger")
    view = eventually(lambda: (v := company.form()) and "qa" in environments(v) and v)
    assert chosen(view) == "ledger"
    company.submit(view, ALICE, product="ledger", version="v1.0.0", target="prod")

    company.change_of("ledger", ChangeState.AWAITING_APPROVAL)


def test_products_are_found_by_a_part_of_their_name(company):
    assert found(company, "") == ["checkout", "ledger", "payments"]
    assert found(company, "ed") == ["ledger"]
    assert found(company, "nothing") == []


@pytest.mark.requirement("SL-004")
def test_lock_banner_and_its_button_name_the_product(company):
    company.command("/lock checkout prod 30m INC-1", BOB)

    [banner] = eventually(lambda: company.slack.in_channel(DEPLOYS))
    assert banner["text"] == "checkout prod is locked by <@U02BOB>: INC-1"
    assert company.lock_of("payments") is None
    [value] = [b["accessory"]["value"] for b in banner["blocks"] if "accessory" in b]
    company.click("floe_unlock", value, BOB)
    assert "Unlocking *checkout prod*" in json.dumps(company.form())
    company.submit(company.form(), BOB, reason="it is over")

    eventually(lambda: company.lock_of("checkout") is None)


def test_rollback_without_a_product_asks_for_it_first(company):
    for name in ("checkout", "ledger"):
        company.command(f"/promote {name} v1.0.0 prod")
        change = company.change_of(name, ChangeState.AWAITING_APPROVAL)
        company.click("floe_approve", change.id, BOB)
        company.change_of(name, ChangeState.PROMOTED)

    company.command("/rollback v1.0.0 prod")
    view = company.form()
    assert (view["callback_id"], chosen(view)) == ("floe_rollback_choice", "ledger")
    company.submit(view, ALICE, product="checkout", version="v1.0.0", target="prod")

    eventually(lambda: "already running in checkout prod" in json.dumps(company.form()))


def test_promotions_shows_what_waits_for_a_person_first(company):
    company.command("/promote checkout v1.0.0 prod")
    change = company.change_of("checkout", ChangeState.AWAITING_APPROVAL)
    company.approval_request(change)

    company.command("/promotions", BOB)

    eventually(lambda: company.private_texts(BOB))
    [text] = company.private_texts(BOB)
    assert text == "1 change waits for you. Your products: payments, checkout, ledger"


def test_promotions_of_one_product_shows_its_environments(company):
    company.command("/promotions checkout", BOB)

    eventually(lambda: company.private_texts(BOB))
    [text] = company.private_texts(BOB)
    assert text == "dev v1.0.0 · staging v1.0.0 · prod nothing"


@pytest.mark.requirement("SL-003")
def test_home_shows_waiting_changes_own_products_and_a_search(company):
    company.command("/promote checkout v1.0.0 prod")
    company.approval_request(company.change_of("checkout", ChangeState.AWAITING_APPROVAL))

    home = block_text(open_home(company, BOB))

    assert "Waiting for you (1)" in home
    assert "Promote checkout v1.0.0 to prod" in home
    assert "*<https://floe.acme.com/p/ledger|ledger>* dev v1.0.0 · qa v1.0.0" in home
    assert "floe_search" in home


def test_home_search_finds_products_and_versions(company):
    company.command("/promote checkout v1.0.0 prod")
    company.change_of("checkout", ChangeState.AWAITING_APPROVAL)

    assert found(company, "check", action="floe_search") == ["checkout"]
    assert found(company, "1.0", action="floe_search") == ["checkout v1.0.0"]

    for chosen, shown in (("ledger", "*qa* v1.0.0"), ("checkout v1.0.0", "awaiting approval")):
        body = click_body("floe_search", "", BOB)
        del body["actions"][0]["value"]
        body["actions"][0]["selected_option"] = {"value": chosen}
        company.send({"payload": json.dumps(body)})
        eventually(lambda shown=shown: shown in json.dumps(company.form(), ensure_ascii=False))


@pytest.mark.requirement("SL-003")
def test_person_sees_only_products_of_which_they_are_a_member(tmp_path):
    web = "visibility: members, auth: {mode: proxy}"
    with company_in(tmp_path, "payments", "checkout", web=web) as company:
        company.slack.person("U09EVE", "eve@acme.com")

        assert found(company, "", ALICE) == ["checkout", "payments"]
        assert found(company, "", "U09EVE") == []
        answer = json.loads(company.command("/promote chekout v1.0.0 prod", "U09EVE").body)
        assert answer["text"] == "Not started: you may not see any product of this server"
        company.command("/promotions", "U09EVE")

    assert "checkout" not in json.dumps(company.private_texts("U09EVE"))


def test_dead_registry_does_not_delay_the_status_of_other_products(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        def registry(name):
            dead = f"uri: 'oci://127.0.0.1:{port}/x'"
            return dead if name == "payments" else f"uri: oci-layout:./{name}"

        with company_in(tmp_path, "payments", "checkout", registries=registry) as company:
            home = block_text(open_home(company, BOB))

            assert "payments>* :warning: its registry has not answered yet" in home
            assert "checkout>* dev v1.0.0 · staging v1.0.0" in home


@pytest.mark.requirement("SL-003")
def test_every_product_asks_slack_who_a_person_is_before_it_works(company):
    shared = company.products.people.memberships
    company.slack.users[BOB]["deleted"] = True
    bob = Operator("bob@acme.com", f"slack:T01ACME/{BOB}", IdentitySource.SLACK, verified=True)

    assert all(each.memberships is shared for each in company.products.values())
    assert not shared.regroup(bob).verified


def test_commands_for_the_terminal_name_the_product(company):
    answer = company.command("/promote checkout v1.0.0 prod --run-gates")

    assert "floe platform promote v1.0.0 --product checkout" in answer.body
