"""Break-glass in Slack: announced in the channel, and the review is remembered."""

import json

from bot.blocks.rendering_context import RenderingContext
from bot.blocks.status import environment_lines
from bot.thread_content import break_glass_message, thread_messages
from engine.config.people import SlashCommands
from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, block_ids, eventually, stage_in

GLASS = "break_glass: {groups: [developers], review: {within: %s, groups: [release-managers]}}"
COMMAND = '/promote v1.0.0 prod --break-glass --incident INC-42 --reason "checkout is down"'


def messages(stage, key):
    return [m for m in stage.slack.messages if block_ids(m)[0] == key]


def test_break_glass_is_announced_and_an_overdue_review_reminds_once(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "2s") as stage:
        stage.command(COMMAND, ALICE)
        done = stage.change(ChangeState.PROMOTED)

        [announced] = eventually(lambda: messages(stage, f"{done.id}:break-glass"))
        assert announced["reply_broadcast"] is True
        for said in ("INC-42", "checkout is down", "release-managers", done.record_id):
            assert said in json.dumps(announced)
        assert "Break-glass for INC-42" in json.dumps(stage.card())

        [reminder] = eventually(lambda: messages(stage, f"{done.id}:overdue-review"))
        assert "The review is overdue" in json.dumps(reminder)

        stage.command(COMMAND.replace("v1.0.0", "v2.0.0"), ALICE)
        [refused] = eventually(lambda: stage.private_texts(ALICE))
        assert "The review of an earlier break-glass is overdue" in refused


def test_notice_names_the_product_and_a_change_of_nothing_has_none(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        stage.command(COMMAND, ALICE)
        done = stage.change(ChangeState.PROMOTED)
        [row] = stage.platform.engine.status("prod")

    context = RenderingContext(stage.platform.engine.path, SlashCommands(), product="checkout")
    keys = [each.key for each in thread_messages(done, context, "@sre")]
    again = [
        each.key
        for each in thread_messages(done.model_copy(update={"unchanged": True}), context, "@sre")
    ]
    notice = break_glass_message(done.model_copy(update={"product": "checkout"}), "@sre").payload

    command = f"floe platform review {done.record_id} --reason"
    assert (f"{done.id}:break-glass" in keys, f"{done.id}:break-glass" in again) == (True, False)
    named = command.replace("review", "review --product checkout")
    assert named in notice.text
    assert "break-glass for INC-42 needs a review until" in environment_lines([row], context)
    assert named in environment_lines([row], context)


def test_stranger_may_not_break_the_glass(tmp_path):
    with stage_in(tmp_path, promotion=GLASS % "24h") as stage:
        stage.command(COMMAND, BOB)

        [refused] = eventually(lambda: stage.private_texts(BOB))
        assert "may not use break-glass. Required groups: [developers]" in refused
