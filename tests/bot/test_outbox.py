"""The outbox delivers messages in order, once, within Slack's rate limits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from bot.blocks.elements import Payload, section
from bot.database import BotStore, bot_database
from bot.ephemeral import EphemeralStore
from bot.inbox import Origin
from bot.message_store import DesiredMessage, MessageStore
from bot.outbox import Outbox, OutboxTiming
from bot.sender import Sender
from bot.webapi import SlackApi, web_client
from tests.bot.fake_slack import BOT_TOKEN, FakeSlack, fake_slack
from tests.bot.stage import QUICK, eventually

ROOT, CHANNEL = "c-1:root", "C01DEPLOY"


@dataclass
class Mail:
    """An outbox with its stores and a fake Slack."""

    slack: FakeSlack
    store: BotStore
    messages: MessageStore
    ephemerals: EphemeralStore
    outbox: Outbox

    def ensure(self, key, text, channel=CHANNEL, **options):
        due = options.pop("due", 0)
        payload = Payload(text, (section(key, text),))
        self.messages.ensure(channel, DesiredMessage(key, payload, **options), due)
        self.outbox.wake()

    def texts(self, channel=CHANNEL):
        return [m["text"] for m in self.slack.messages if m["channel"] == channel]


@contextmanager
def mail_in(folder: Path, slack: FakeSlack, tempo: OutboxTiming = QUICK) -> Iterator[Mail]:
    store = BotStore(bot_database(folder))
    messages, ephemerals = MessageStore(store), EphemeralStore(store)
    api = SlackApi(web_client(BOT_TOKEN, slack.url, timeout_seconds=2))
    outbox = Outbox(Sender(api, messages, store), messages, ephemerals, lambda _key: None, tempo)
    outbox.start()
    try:
        yield Mail(slack, store, messages, ephemerals, outbox)
    finally:
        outbox.stop()
        store.close()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


@pytest.fixture
def mail(tmp_path: Path, slack: FakeSlack) -> Iterator[Mail]:
    with mail_in(tmp_path, slack) as running:
        yield running


def test_posts_to_a_channel_keep_order_and_interval(tmp_path, slack):
    with mail_in(tmp_path, slack, replace(QUICK, post=0.2)) as mail:
        for number in range(5):
            mail.ensure(f"m{number}", str(number))
        mail.ensure("other", "elsewhere", channel="C02")

        eventually(lambda: len(mail.texts()) == 5)

    assert mail.texts() == ["0", "1", "2", "3", "4"]
    times = [at for at, _, arguments in slack.calls if arguments["channel"] == CHANNEL]
    assert min(b - a for a, b in pairwise(times)) >= 0.19
    elsewhere = next(at for at, _, arguments in slack.calls if arguments["channel"] == "C02")
    assert elsewhere < times[-1]


def test_edits_are_merged_into_the_last_one(tmp_path, slack):
    with mail_in(tmp_path, slack, replace(QUICK, edit=0.5)) as mail:
        mail.ensure(ROOT, "0")
        eventually(mail.texts)
        began = time.monotonic()
        for number in range(1, 50):
            mail.ensure(ROOT, str(number))
            time.sleep(0.01)

        eventually(lambda: mail.texts() == ["49"])
        took = time.monotonic() - began

    assert slack.messages[0]["edits"] <= 2 + took / 0.5


def test_urgent_edit_does_not_wait(tmp_path, slack):
    with mail_in(tmp_path, slack, replace(QUICK, edit=60)) as mail:
        mail.ensure(ROOT, "waiting")
        eventually(mail.texts)
        mail.ensure(ROOT, "still waiting")
        mail.ensure(ROOT, "decided", urgent=True)

        eventually(lambda: mail.texts() == ["decided"])


def test_unchanged_message_is_sent_once(mail):
    for _ in range(5):
        mail.ensure(ROOT, "the same")
        eventually(mail.texts)

    time.sleep(0.3)
    assert len(mail.slack.called("chat.postMessage")) == 1
    assert not mail.slack.called("chat.update")


@pytest.mark.requirement("SL-005")
def test_repeated_429_is_retried_after_the_given_time(mail):
    mail.slack.limit("chat.postMessage", 0.4, times=3)
    began = time.time()

    mail.ensure(ROOT, "root")
    mail.ensure("c-1:a", "a", parent=ROOT)

    eventually(lambda: mail.texts() == ["root", "a"])
    posts = [at for at, method, _ in mail.slack.calls if method == "chat.postMessage"]
    assert len(posts) == 5
    assert posts[3] - began >= 1.1
    assert not mail.slack.called("conversations.history")


def test_rate_limit_on_edits_delays_edits_but_not_posts(mail):
    mail.ensure(ROOT, "1")
    mail.ensure("c-2:root", "1")
    eventually(lambda: len(mail.texts()) == 2)
    mail.slack.limit("chat.update", 3)

    mail.ensure(ROOT, "2", urgent=True)
    # Wait until the outbox knows of the refusal.
    eventually(
        lambda: [edit for edit in mail.messages.due_edits(time.time() + 60, 0) if edit.retry]
    )
    mail.ensure("c-2:root", "2", urgent=True)
    mail.ensure("c-3:root", "posted")

    eventually(lambda: mail.texts() == ["2", "2", "posted"])
    first, *others = [at for at, method, _ in mail.slack.calls if method == "chat.update"]
    assert min(others) - first >= 2.9
    [posted] = [at for at, _, a in mail.slack.calls if a.get("text") == "posted"]
    assert posted < min(others)


@pytest.mark.parametrize(("status", "times"), [(500, 1), (503, 3)])
def test_server_errors_are_retried_in_order(mail, status, times):
    mail.slack.fail("chat.postMessage", status, times=times)

    for number in range(3):
        mail.ensure(f"m{number}", str(number))

    eventually(lambda: mail.texts() == ["0", "1", "2"])


@pytest.mark.requirement("SL-005")
def test_unconfirmed_post_is_not_repeated(mail):
    mail.slack.fail("chat.postMessage", 500, times=2, heard=True)

    mail.ensure(ROOT, "root")
    mail.ensure("c-1:a", "a", parent=ROOT)

    eventually(lambda: mail.texts() == ["root", "a"])
    time.sleep(0.3)
    assert mail.texts() == ["root", "a"]
    assert mail.slack.messages[1]["thread_ts"] == mail.slack.messages[0]["ts"]


@pytest.mark.requirement("SL-005")
def test_unconfirmed_post_is_edited_if_the_message_changed_meanwhile(mail):
    mail.slack.fail("chat.postMessage", 500, heard=True)
    mail.slack.fail("conversations.history", 500, times=1000)
    mail.ensure(ROOT, "checking")
    eventually(mail.texts)

    mail.ensure(ROOT, "failed")
    mail.slack.heal()

    eventually(lambda: mail.texts() == ["failed"])


@pytest.mark.requirement("SL-005")
def test_unsent_messages_are_sent_after_a_restart(tmp_path, slack):
    slack.fail("chat.postMessage", 500, times=1000)
    with mail_in(tmp_path, slack) as mail:
        mail.ensure(ROOT, "root")
        mail.ephemerals.add("k", Origin("U1", "T", CHANNEL), Payload("only you"))
        mail.outbox.wake()
        eventually(lambda: slack.called("chat.postMessage"))
    slack.heal()

    with mail_in(tmp_path, slack) as mail:
        eventually(lambda: mail.texts() == ["root"])
        eventually(lambda: slack.ephemerals)


def test_failed_message_does_not_block_the_next_one(mail):
    gone = {"ok": False, "error": "invalid_arguments"}
    mail.slack.fail("chat.postMessage", 200, body=gone)

    mail.ensure("lost:root", "lost")
    mail.ensure("lost:a", "in its thread", parent="lost:root")
    mail.ensure(ROOT, "next")

    eventually(lambda: mail.texts() == ["next"])


def test_message_with_a_refused_layout_is_posted_as_text(mail):
    refused = {"ok": False, "error": "invalid_blocks"}
    mail.slack.fail("chat.postMessage", 200, body=refused)

    mail.ensure(ROOT, "the words")

    eventually(lambda: mail.texts() == ["the words"])
    assert mail.slack.called("chat.postMessage")[1]["blocks"] == []


def test_post_is_retried_until_the_bot_is_invited(mail):
    outside = {"ok": False, "error": "not_in_channel"}
    mail.slack.fail("chat.postMessage", 200, times=3, body=outside)

    mail.ensure(ROOT, "root")

    eventually(lambda: mail.texts() == ["root"])


def test_edit_only_message_is_not_posted(mail):
    mail.ensure("c-1:ask", "decided already", edit_only=True)
    mail.ensure(ROOT, "root")

    eventually(lambda: mail.texts() == ["root"])


def test_answer_falls_back_to_a_direct_message(mail):
    mail.slack.fail("respond", 404, times=9)
    mail.slack.fail("chat.postEphemeral", 200, body={"ok": False, "error": "user_not_in_channel"})
    base = mail.slack.url.removesuffix("/api/")
    origin = Origin("U1", "T", CHANNEL, None, f"{base}/response/U1/x")

    mail.ephemerals.add("k", origin, Payload("refused"))
    mail.outbox.wake()

    eventually(lambda: mail.texts("DU1") == ["refused"])
    eventually(lambda: mail.ephemerals.due(time.time()) == [])


def test_undeliverable_answer_is_given_up(tmp_path, slack):
    slack.fail("chat.postMessage", 500, times=1000)
    slack.fail("chat.postEphemeral", 500, times=1000)
    with mail_in(tmp_path, slack, replace(QUICK, give_up_ephemeral=0.5)) as mail:
        mail.ephemerals.add("k", Origin("U1", "T", CHANNEL), Payload("refused"))

        eventually(lambda: mail.ephemerals.due(time.time() + 100) == [])


def test_hanging_call_delays_only_its_channel(mail):
    mail.slack.lock.acquire()
    try:
        mail.ensure(ROOT, "root")
        time.sleep(0.3)
        began = time.monotonic()
        mail.ensure("c-2:root", "other")
        assert time.monotonic() - began < 1
    finally:
        mail.slack.lock.release()

    eventually(lambda: sorted(mail.texts()) == ["other", "root"])
