"""A promotion from Slack, from the command to the new tag."""

import pytest

from engine.domain.artifact import Tag
from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, DEPLOYS, block_ids, block_text, buttons


@pytest.mark.requirement("SL-001")
@pytest.mark.requirement("SL-003")
def test_promotion_is_requested_approved_and_carried_out(stage):
    answer = stage.command("/promote v1.0.0 staging prod")

    assert answer.status == 200
    assert '"response_type": "ephemeral"' in answer.body

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    ask = stage.approval_request(change)
    assert buttons(ask) == ["floe_approve", "floe_reject"]

    stage.click("floe_approve", change.id, BOB)

    done = stage.change(ChangeState.PROMOTED)
    assert [given.operator for given in done.approvals] == ["bob@acme.com"]
    assert done.requester.id == f"slack:T01ACME/{ALICE}"
    assert stage.platform.engine.runner.registry.resolve(Tag("latest-prod")) is not None
    [root] = stage.slack.in_channel(DEPLOYS)
    stage.eventually(lambda: "Promoted" in stage.slack.in_channel(DEPLOYS)[0]["text"])
    stage.eventually(lambda: not buttons(stage.find_approval_request(change)))
    thread = stage.eventually(
        lambda: (m := stage.slack.in_thread(root)) and "end" in block_ids(m[-1])[0] and m
    )
    assert "<@U02BOB>" in block_text(thread[-1])
    assert f"Trace ID: `{done.trace_id}`" in block_text(thread[-1])
