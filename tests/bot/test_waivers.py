"""Waivers in Slack: a card asks for the approval of one, and cards show where they are used."""

import json

import pytest

from bot.blocks.waivers import WaiverPlace, render_waivers
from engine.domain.change import Change, ChangeState
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_waive_request
from tests.bot.company import company_in
from tests.bot.samples import RENDERING
from tests.bot.stage import (
    ALICE,
    BOB,
    DAVE,
    INCIDENT,
    Stage,
    block_text,
    buttons,
    eventually,
    stage_in,
)
from tests.waivers.kit import CVE, report, soon

# Two gates, in place of the command of one.
GATES = '"true"]}, security_scan: {scanner_format: trivy, command: [cat, report.json'


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "report.json").write_text(report(CVE))
    with stage_in(tmp_path, tests=GATES) as built:
        yield built


def form_of(stage: Stage, act):
    """The form that opens after `act`."""
    shown = len(stage.slack.views)
    act()
    return eventually(lambda: stage.slack.views[shown:])[-1]


def inputs(view):
    return {b["block_id"]: b["element"] for b in view["blocks"] if b["type"] == "input"}


def listed(stage: Stage, user: str = ALICE, command: str = "/promotions waivers") -> str:
    """The newest list of waivers that `user` asked for."""
    before = len(stage.private_texts(user))
    stage.command(command, user)
    return eventually(lambda: stage.private_texts(user)[before:])[-1]


def waive(stage: Stage) -> Change:
    path, alice = stage.platform.engine.path, stage.operator("alice@acme.com")
    terms = (CVE, "pkg:npm/lodash", soon(), "not reachable")
    request = parse_waive_request(path, "prod", alice, trace_id(), *terms)
    stage.platform.changes.submit(request, "cli")
    stage.platform.worker.wake()
    change = stage.change(ChangeState.AWAITING_APPROVAL, CVE)
    stage.approval_request(change)
    return change


@pytest.mark.requirement("SL-001")
def test_waiver_is_approved_by_a_click_and_shown_on_the_card_that_uses_it(stage):
    change = waive(stage)
    shown = f"{CVE} in pkg:npm/lodash until {soon()} in prod"

    assert f"Waive {shown}" in block_text(stage.card())
    assert "not reachable" in block_text(stage.card())
    assert f"asks you to approve *Waive {shown}*" in block_text(stage.approval_request(change))
    stage.click("floe_approve", change.id, BOB)

    stage.change(ChangeState.PROMOTED, CVE)
    eventually(lambda: "Waived" in block_text(stage.card()))
    waiting = stage.waiting_change("v1.0.0", ALICE)
    used = f"1 waived until {soon()} by alice@acme.com: {CVE}, not reachable"
    eventually(lambda: used in block_text(stage.card()))
    assert used in block_text(stage.approval_request(waiting))
    stage.click("floe_approve", waiting.id, BOB)
    stage.change(ChangeState.PROMOTED)
    eventually(lambda: "Promoted" in block_text(stage.card()))
    assert used in block_text(stage.card())


@pytest.mark.requirement("SL-001")
def test_blocked_waiver_names_the_command_to_repeat(stage):
    change = waive(stage)
    stage.platform.changes.cancel(change.id, stage.operator("alice@acme.com"), "cli")

    eventually(lambda: "Cancelled" in block_text(stage.card()))

    command = f"floe platform waive {CVE} --package pkg:npm/lodash --env prod"
    assert command in block_text(stage.card())


@pytest.mark.requirement("SL-001")
def test_waiver_is_asked_for_in_a_form_listed_and_ended(stage):
    command = f"/promote waive {CVE} prod --package pkg:npm/lodash --until {soon()} not called"
    view = form_of(stage, lambda: stage.command(command))
    values = {name: each.get("initial_value") for name, each in inputs(view).items()}
    assert values["vulnerability"] == CVE
    assert values["package"] == "pkg:npm/lodash"
    assert (values["until"], values["reason"]) == (soon(), "not called")
    filled = {"target": "prod", **{k: v for k, v in values.items() if k != "target"}}

    wrong = stage.submit(view, ALICE, **{**filled, "until": "soon"})
    stage.submit(view, ALICE, **filled)

    assert "is not the end of a waiver" in json.loads(wrong.body)["errors"]["until"]
    change = stage.change(ChangeState.AWAITING_APPROVAL, CVE)
    stage.approval_request(change)
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED, CVE)

    assert listed(stage) == "Waivers: 1"
    [row] = stage.platform.engine.status("prod")
    shown = render_waivers([row], row.waivers[0].until, RENDERING)
    assert f"`{CVE} in pkg:npm/lodash` waived until {soon()} by alice@acme.com" in str(shown.blocks)
    assert buttons({"blocks": shown.blocks}) == ["floe_unwaive", "floe_waive"]

    value = WaiverPlace("prod", CVE, "pkg:npm/lodash").value
    view = form_of(stage, lambda: stage.click("floe_unwaive", value, DAVE))
    assert "blocks promotions to prod again" in block_text(view)
    stage.submit(view, DAVE, reason="fixed")
    [said] = eventually(lambda: stage.private_texts(DAVE))
    assert f"The waiver of `{CVE} in pkg:npm/lodash` in prod has ended." in said
    newest = stage.platform.engine.history("prod", 1)[0].record
    assert (newest.kind, newest.operator, newest.reason) == ("unwaive", "dave@acme.com", "fixed")
    assert listed(stage) == "Waivers: 0"


def test_waiver_is_refused_to_strangers_and_ended_only_with_rights(stage):
    view = form_of(stage, lambda: stage.click("floe_waive", "-", BOB))
    stage.submit(view, BOB, target="prod", vulnerability=CVE, until=soon(), reason="no right")

    [said] = eventually(lambda: stage.private_texts(BOB))
    assert said.startswith("Not waived: Unauthorized")

    value = WaiverPlace("prod", CVE).value
    view = form_of(stage, lambda: stage.click("floe_unwaive", value, BOB))
    stage.submit(view, BOB, reason="no right")
    said = eventually(lambda: stage.private_texts(BOB)[1:])[0]
    assert said.startswith("Not ended: Unauthorized")


def test_typo_in_a_waiver_is_corrected_and_help_names_waivers(stage):
    typo = stage.command(f"/promote waive {CVE} prd").body
    helped = stage.command("/promotions help").body

    assert "'prd' is not an environment" in typo
    assert f"/promote waive {CVE} prod" in typo
    assert "/promote waive CVE-2026-1 prod" in helped
    assert stage.platform.store.recent(9) == ()


def test_foreign_button_and_hidden_product_open_nothing(stage):
    stage.click("floe_unwaive", "[]", ALICE)
    stage.click("floe_waive", "checkout", ALICE)

    texts = eventually(lambda: len(t := stage.private_texts(ALICE)) == 2 and t)
    assert "names no waiver" in str(texts)
    assert "There is no product 'checkout'" in str(texts)


def test_waivers_of_several_products_name_them(tmp_path):
    with company_in(tmp_path, "checkout", "ledger") as company:
        asked = form_of(company, lambda: company.command("/promote waive", channel=INCIDENT))
        named = form_of(
            company, lambda: company.command(f"/promote waive ledger {CVE} qa", channel=INCIDENT)
        )
        refused = company.command("/promotions waivers", channel=INCIDENT).body
        company.command("/promotions checkout waivers", channel=INCIDENT)

        assert inputs(asked)["product"]["initial_option"]["value"] == "checkout"
        assert inputs(named)["product"]["initial_option"]["value"] == "ledger"
        assert inputs(named)["target"]["initial_option"]["value"] == "qa"
        assert "the product is missing" in refused
        assert "/promotions checkout waivers" in refused
        [said] = eventually(lambda: company.private_texts(ALICE))
        assert said == "Waivers of checkout: 0"
