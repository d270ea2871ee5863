"""Rules of approvals in Slack: the card shows the open ones, and an escalation asks more people."""

import json

from engine.domain.change import ChangeState
from tests.bot.stage import BOB, CAROL, DAVE, block_ids, eventually, stage_in

TWO = "rules: [{groups: [release-managers]}, {name: second, groups: [developers]}]"


def test_card_shows_open_rules_until_different_people_fill_them(tmp_path):
    with stage_in(tmp_path, approvals=TWO) as stage:
        change = stage.waiting_change()
        stage.approval_request(change)
        eventually(lambda: "*Open:* second from developers" in json.dumps(stage.card()))

        stage.click("floe_approve", change.id, BOB)
        eventually(lambda: "release-managers: bob@acme.com" in json.dumps(stage.card()))
        stage.click("floe_approve", change.id, CAROL)
        [refused] = eventually(lambda: stage.private_texts(CAROL))
        assert "cannot fill an open rule" in refused
        assert "second from developers (dave@acme.com)" in refused

        stage.click("floe_approve", change.id, DAVE)
        done = stage.change(ChangeState.PROMOTED)
        assert [rule.filled_by for rule in done.rules] == [("bob@acme.com",), ("dave@acme.com",)]


def test_escalation_asks_further_groups_once(tmp_path):
    rules = "required: 1, groups: [release-managers], escalate: {after: 1s, to: [developers]}"
    with stage_in(tmp_path, approvals=rules) as stage:
        change = stage.waiting_change()

        def asked():
            key = f"{change.id}:escalated"
            return [m for m in stage.slack.messages if block_ids(m)[0] == key]

        [message] = eventually(asked)
        assert "now you can approve it too" in message["text"]
        assert "developers" in message["text"]

        stage.click("floe_approve", change.id, DAVE)
        done = stage.change(ChangeState.PROMOTED)
        assert done.approvals[0].authorized_via == "group developers, after escalation"
        assert len(asked()) == 1
