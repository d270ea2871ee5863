"""Two servers that send the same message, because one of them was suspended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.blocks.elements import Payload, section
from bot.database import BotStore, bot_database
from bot.message_store import DesiredMessage, MessageStore
from bot.sender import Sender
from bot.webapi import SlackApi, SlackCallError, web_client
from tests.bot.fake_slack import BOT_TOKEN, DELETED, FakeSlack, fake_slack
from tests.bot.stage import ALICE

ROOT, CHANNEL = "c-1:root", "C01DEPLOY"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


@contextmanager
def two_senders(
    folder: Path, slack: FakeSlack, to: str = CHANNEL
) -> Iterator[tuple[MessageStore, Sender, Sender]]:
    """Two servers with one store, and a message to post."""
    store = BotStore(bot_database(folder))
    messages = MessageStore(store)
    messages.ensure(to, DesiredMessage(ROOT, Payload("hello", (section(ROOT, "hello"),))))
    first, second = (
        Sender(SlackApi(web_client(BOT_TOKEN, slack.url, timeout_seconds=2)), messages, store)
        for _ in range(2)
    )
    yield messages, first, second
    store.close()


def test_server_that_was_suspended_before_it_began_posts_nothing(tmp_path, slack):
    with two_senders(tmp_path, slack) as (messages, first, second):
        [read_by_first] = messages.next_posts()
        second.post(read_by_first)

        first.post(read_by_first)

    assert [m["text"] for m in slack.messages] == ["hello"]


def test_server_that_was_suspended_while_it_posted_deletes_its_copy(tmp_path, slack):
    with two_senders(tmp_path, slack) as (messages, first, second):
        [read_by_first] = messages.next_posts()
        call = first._api.call

        def resume(method, arguments):
            first._api.call = call
            second.post(messages.next_posts()[0])
            return call(method, arguments)

        first._api.call = resume
        first.post(read_by_first)
        place = messages.location(ROOT)

    assert [m["channel"] for m in slack.messages] == [CHANNEL, DELETED]
    assert place == (CHANNEL, slack.messages[0]["ts"])


def test_edit_without_an_answer_is_repeated_after_a_newer_one(tmp_path, slack):
    with two_senders(tmp_path, slack) as (messages, first, second):
        first.post(messages.next_posts()[0])
        messages.ensure(CHANNEL, DesiredMessage(ROOT, Payload("old", (section(ROOT, "old"),))))
        [old] = messages.due_edits(messages.now() + 60, 3)
        messages.ensure(CHANNEL, DesiredMessage(ROOT, Payload("new", (section(ROOT, "new"),))))
        [new] = messages.due_edits(messages.now() + 60, 3)
        second.edit(new)

        first._api.call("chat.update", {**old.arguments, "channel": CHANNEL, "ts": old.ts})
        messages.postpone(old, 0, outcome_unknown=True)
        [again] = messages.due_edits(messages.now() + 60, 3)
        second.edit(again)

        assert messages.due_edits(messages.now() + 60, 3) == []

    assert [m["text"] for m in slack.messages] == ["new"]


def test_search_without_an_answer_does_not_hide_an_earlier_attempt(tmp_path, slack):
    slack.fail("chat.postMessage", 500, heard=True)
    slack.limit("conversations.history", 0)
    with two_senders(tmp_path, slack) as (messages, first, second):
        for sender in (first, second):
            with pytest.raises(SlackCallError) as failed:
                sender.post(messages.next_posts()[0])
            unknown = failed.value.outcome_unknown
            messages.postpone(messages.next_posts()[0], 0, outcome_unknown=unknown)
        second.post(messages.next_posts()[0])

    assert [m["text"] for m in slack.messages] == ["hello"]


@pytest.mark.parametrize("deduplicates", [True, False])
def test_unconfirmed_message_is_never_twice_unseen_without_history(tmp_path, slack, deduplicates):
    slack.history, slack.deduplicates = False, deduplicates
    slack.fail("chat.postMessage", 500, heard=True)
    with two_senders(tmp_path, slack) as (messages, first, second):
        with pytest.raises(SlackCallError):
            first.post(messages.next_posts()[0])
        messages.postpone(messages.next_posts()[0], 0, outcome_unknown=True)

        second.post(messages.next_posts()[0])
        place = messages.location(ROOT)
        [*edits] = messages.due_edits(messages.now() + 60, 3)

    shown = [[block["block_id"] for block in m["blocks"]] for m in slack.messages]
    assert shown == ([[ROOT]] if deduplicates else [[ROOT], [ROOT, "doubt"]])
    assert place == (CHANNEL, slack.messages[-1]["ts"])
    # Slack may have an earlier text of the message that it knew.
    assert len(edits) == deduplicates


@pytest.mark.parametrize("deduplicates", [True, False])
def test_unconfirmed_direct_message_is_never_twice_unseen(tmp_path, slack, deduplicates):
    slack.deduplicates = deduplicates
    with two_senders(tmp_path, slack, ALICE) as (messages, first, second):
        slack.fail("chat.postMessage", 500, heard=True)
        with pytest.raises(SlackCallError):
            first.post(messages.next_posts()[0])
        messages.postpone(messages.next_posts()[0], 0, outcome_unknown=True)

        second.post(messages.next_posts()[0])

    shown = [[block["block_id"] for block in m["blocks"]] for m in slack.messages]
    assert shown == ([[ROOT]] if deduplicates else [[ROOT], [ROOT, "doubt"]])


def test_message_that_was_deleted_after_an_unconfirmed_attempt_is_posted(tmp_path, slack):
    slack.history = False
    slack.fail("chat.postMessage", 500)
    gone = {"ok": False, "error": "duplicate_message_not_found"}
    with two_senders(tmp_path, slack) as (messages, first, second):
        with pytest.raises(SlackCallError):
            first.post(messages.next_posts()[0])
        messages.postpone(messages.next_posts()[0], 0, outcome_unknown=True)
        slack.fail("chat.postMessage", 200, body=gone)

        second.post(messages.next_posts()[0])

    [posted] = slack.messages
    assert "client_msg_id" not in posted


def test_direct_message_is_edited_in_its_conversation(tmp_path, slack):
    key = "c-1:end:U01ALICE"
    with two_senders(tmp_path, slack) as (messages, first, _):
        messages.withdraw(ROOT)
        messages.ensure("U01ALICE", DesiredMessage(key, Payload("hi", (section(key, "hi"),))))
        first.post(messages.next_posts()[0])
        messages.ensure("", DesiredMessage(key, Payload("bye", (section(key, "bye"),))))

        first.edit(messages.due_edits(messages.now() + 60, 3)[0])

    assert [(m["channel"], m["text"]) for m in slack.messages] == [("DU01ALICE", "bye")]
