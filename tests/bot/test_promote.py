"""A promotion from Slack, from the command to the new tag."""

import pytest

from engine.changes.direct import carry_out
from engine.domain.artifact import Tag
from engine.domain.change import ChangeState
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.parsing import parse_promotion_request
from engine.domain.product import UNNAMED
from engine.ports import NO_PROGRESS
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


def test_failed_promotion_of_a_command_line_posts_nothing(stage):
    platform, alice = stage.platform, stage.operator("alice@acme.com")
    path = platform.engine.path
    request = parse_promotion_request(path, "v9.9.9", None, "staging", alice, "a" * 32)

    with pytest.raises(ArtifactNotFoundError):
        carry_out(platform.engine.runner, platform.store, request, "cli", NO_PROGRESS, UNNAMED)
    [failed] = platform.store.recent(1)
    stage.waiting_change()

    assert (failed.version, failed.state) == ("v9.9.9", ChangeState.FAILED)
    assert len(stage.slack.in_channel(DEPLOYS)) == 1
