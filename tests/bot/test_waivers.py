"""Waivers in Slack: a card asks for the approval of one, and cards show where they are used."""

import pytest

from engine.domain.change import Change, ChangeState
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_waive_request
from tests.bot.stage import ALICE, BOB, Stage, block_text, eventually, stage_in
from tests.waivers.kit import CVE, report, soon

# Two gates, in place of the command of one.
GATES = '"true"]}, security_scan: {scanner_format: trivy, command: [cat, report.json'


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "report.json").write_text(report(CVE))
    with stage_in(tmp_path, tests=GATES) as built:
        yield built


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
    assert f"please review *Waive {shown}*" in block_text(stage.approval_request(change))
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
