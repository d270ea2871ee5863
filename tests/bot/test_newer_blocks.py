"""Tables and plans in workspaces that have them, and sections in those that do not."""

import json
import os
from pathlib import Path

import pytest

from bot.block_kit_limits import message_problems
from bot.blocks.elements import Payload
from bot.blocks.newer_blocks import table, without_newer_blocks
from bot.database import BotStore, bot_database
from bot.message_store import DesiredMessage, MessageStore
from bot.sender import Sender
from bot.webapi import SlackApi, web_client
from engine.domain.change import ChangeState
from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.samples import messages, sample
from tests.bot.stage import BOB, block_text, eventually, stage_in

SNAPSHOT = Path(__file__).parent / "snapshots" / "without_newer_blocks.json"
CHANNEL = "C01DEPLOY"
LOADED = (ChangeState.CHECKING, ChangeState.AWAITING_APPROVAL, ChangeState.BLOCKED)


class Post:
    """The sender of a bot with its store, which outlives restarts."""

    def __init__(self, folder: Path, slack: FakeSlack) -> None:
        self.slack, self.folder = slack, folder
        self.restart()

    def restart(self) -> None:
        self.store = BotStore(bot_database(self.folder))
        self.messages = MessageStore(self.store)
        api = SlackApi(web_client(BOT_TOKEN, self.slack.url, timeout_seconds=2))
        self.sender = Sender(api, self.messages, self.store)

    def send(self, key: str, text: str = "one") -> int:
        """Post or edit a message with a table; return the number of calls."""
        before = len(self.slack.calls)
        rows = table(key, ("Gate", "Result"), [(text, "passed")])
        self.messages.ensure(CHANNEL, DesiredMessage(key, Payload(text, (rows,))))
        for message in self.messages.next_posts():
            self.sender.post(message)
        for message in self.messages.due_edits(self.messages.now() + 60, 0):
            self.sender.edit(message)
        return len(self.slack.calls) - before

    def kinds(self) -> list[list[str]]:
        return [[block["type"] for block in m["blocks"]] for m in self.slack.messages]


@pytest.fixture
def post(tmp_path):
    with fake_slack() as slack:
        yield Post(tmp_path, slack)


@pytest.mark.parametrize("state", LOADED)
def test_messages_keep_their_texts_without_newer_blocks(state):
    shown = {
        each.key: without_newer_blocks(each.payload.blocks) for each in messages(sample(state))
    }
    golden = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if os.environ.get("FLOE_WRITE_SNAPSHOTS"):
        golden[state.value] = shown
        SNAPSHOT.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")

    assert shown == golden[state.value]


def test_workspace_with_tables_gets_them_in_one_call(post):
    assert [post.send("a"), post.send("a", "two"), post.send("b")] == [1, 1, 1]
    assert post.kinds() == [["table"], ["table"]]


def test_refused_table_is_posted_once_as_a_section_and_never_tried_again(post):
    post.slack.newer_blocks = False

    assert [post.send("a"), post.send("b"), post.send("a", "two")] == [2, 1, 1]
    post.restart()
    assert post.send("c") == 1

    assert post.kinds() == [["section"]] * 3
    assert [m["text"] for m in post.slack.messages] == ["two", "one", "one"]
    assert "*two* passed" in block_text(post.slack.messages[0])


def test_refused_edit_becomes_a_section(post):
    post.send("a")
    post.slack.newer_blocks = False

    assert post.send("a", "two") == 2

    assert post.kinds() == [["section"]]


def test_newer_blocks_are_tried_again_a_month_later(post):
    post.slack.newer_blocks = False
    post.send("a")
    post.slack.newer_blocks = True
    later = post.messages.now() + 31 * 86400
    post.messages.now = lambda: later

    post.send("b")

    assert post.kinds() == [["section"], ["table"]]


def test_layout_refused_for_another_reason_is_posted_as_text_and_not_remembered(post):
    post.slack.fail("chat.postMessage", 200, times=2, body={"ok": False, "error": "invalid_blocks"})

    assert post.send("a") == 3
    assert post.send("b") == 1

    assert post.kinds() == [[], ["table"]]


def test_change_is_followed_in_a_workspace_without_newer_blocks(tmp_path):
    with stage_in(tmp_path) as stage:
        stage.slack.newer_blocks = False
        change = stage.waiting_change()
        eventually(lambda: "*tests* passed" in block_text(stage.card()))
        stage.click("floe_approve", change.id, BOB)
        eventually(lambda: "Promoted" in stage.card()["text"])
        names = [m["metadata"]["event_payload"]["key"] for m in stage.slack.messages]
        assert len(names) == len(set(names))


def test_large_table_counts_the_rows_that_do_not_fit():
    many = table("t", ("Gate", "Details"), [(f"gate {n}", "x" * 400) for n in range(90)])

    assert message_problems({"text": "t", "blocks": [many]}) == []
    assert many["rows"][-1][0]["text"] == "…and 68 more"


def test_columns_without_texts_are_left_out():
    shown = table("t", ("Gate", "Time", "Details"), [("tests", "", "x"), ("scan", "", "")])

    assert [[cell["text"] for cell in row] for row in shown["rows"]] == [
        ["Gate", "Details"],
        ["tests", "x"],
        ["scan", "–"],
    ]
