"""Messages about several products: their layouts, and Slack's limits with many products."""

import json
import os
from dataclasses import replace
from pathlib import Path

from bot.block_kit_limits import message_problems, view_problems
from bot.blocks.gates import GateProgress
from bot.blocks.group_lock import Part, PartState, render_group_lock
from bot.blocks.home import Waiting
from bot.blocks.overview import Overview, render_home_of_products, render_overview
from bot.modals import Draft, lock_all_form, lock_form, promote_form
from bot.thread_content import card_message, thread_messages
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from engine.domain.errors import RegistryUnavailableError
from tests.bot.samples import HOSTILE, NOON, RENDERING, sample

SNAPSHOTS = Path(__file__).parent / "snapshots"
CHECKOUT = replace(RENDERING, product="checkout", page="https://floe.acme.com/p/checkout")


def of_checkout(state):
    return sample(state).model_copy(update={"product": "checkout"})


def overview(count=1, error="the registry did not answer"):
    names = [f"product-{number}" for number in range(count)]
    return Overview(
        [Waiting(of_checkout(ChangeState.AWAITING_APPROVAL), "https://acme.slack.com/a")] * count,
        dict.fromkeys(names, RegistryUnavailableError(error)) | {"slow": None},
        3,
        ["broken"],
        NOON,
        SlashCommands(),
        {"checkout": CHECKOUT, **dict.fromkeys([*names, "slow"], CHECKOUT)},
        "https://floe.acme.com",
    )


def parts(count=1, detail="is tried again: the registry did not answer"):
    return [
        *(Part(f"product-{number}", "prod", PartState.LOCKED) for number in range(count)),
        *(Part(f"dead-{number}", "prod", PartState.LOCKING, detail) for number in range(count)),
        *(Part(f"other-{number}", "prod", PartState.REFUSED, "no") for number in range(count)),
    ]


def test_messages_about_products_match_their_snapshot():
    change = of_checkout(ChangeState.AWAITING_APPROVAL)
    ended = of_checkout(ChangeState.REJECTED)
    shown = {
        "card": card_message(change, GateProgress(), CHECKOUT, None).payload.arguments,
        "thread": [m.payload.arguments for m in thread_messages(ended, CHECKOUT, "Approvers")],
        "overview": render_overview(overview()).arguments,
        "home": render_home_of_products(overview(), [(change, CHECKOUT)]),
        "lock": render_group_lock("l1", "prod", "<@U02BOB>", "INC-42", parts()).arguments,
        "form": promote_form(CHECKOUT, {"channel": "C1"}, Draft("v1.0.0", "prod")),
        "lock form": lock_all_form(["checkout"], ["ledger"], {}, Draft(target="prod")),
    }
    file = SNAPSHOTS / "products.json"
    if os.environ.get("FLOE_WRITE_SNAPSHOTS"):
        file.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")

    assert shown == json.loads(file.read_text())


def test_many_products_stay_within_the_limits_of_slack():
    many = overview(200, HOSTILE)
    change = of_checkout(ChangeState.AWAITING_APPROVAL)
    waiting = [
        Waiting(change.model_copy(update={"id": f"c-{number:08x}"}), None) for number in range(200)
    ]
    many = replace(many, waiting=waiting)
    lock = render_group_lock("l" * 32, "prod", "<@U02BOB>", HOSTILE, parts(200, HOSTILE))
    names = [f"a-product-with-a-rather-long-name-{number}" for number in range(200)]

    assert message_problems(render_overview(many).arguments) == []
    assert view_problems(render_home_of_products(many, [(change, CHECKOUT)] * 50)) == []
    assert message_problems(lock.arguments) == []
    assert view_problems(lock_all_form(names, names, {}, Draft(target="prod"))) == []
    assert view_problems(lock_all_form([], names, {}, Draft(target="prod"))) == []
    assert view_problems(lock_form(CHECKOUT, {}, Draft(target="prod"))) == []
