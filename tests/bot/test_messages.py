"""What is kept of messages: however many there were, and wait, the next one costs the same."""

from contextlib import contextmanager

import pytest

from bot.blocks.ephemeral import note
from bot.database import BotStore
from bot.gate_progress import GateLog
from bot.inbox import Asked, Asker, Inbox
from bot.message_store import Messages, Wanted
from engine.domain.gate import GateKind, GateResult, GateStatus

DEPLOYS, INCIDENT = "C01DEPLOY", "C02INC"
FEW, MANY = 20, 1000
RESULT = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED).model_dump(mode="json")


@pytest.fixture
def opened(tmp_path):
    """Stores with so many messages posted, as many that wait, and as many gates and requests."""
    stores = []

    def open_with(number):
        store = BotStore(tmp_path / str(number))
        stores.append(store)
        messages, inbox, gates = Messages(store), Inbox(store), GateLog(store, Messages(store))
        with store.transaction():
            for place in range(number):
                messages.want(INCIDENT, Wanted(f"c-{place:08}:root", note("x" * 500)))
                messages.posted(messages.posts()[0], f"{place}.0")
                inbox.accept(asked(place))
                inbox.finish(asked(place))
                gates.finished(f"c-{place:08}", None, RESULT)
            for place in range(number):
                messages.want(DEPLOYS, Wanted(f"w-{place:08}:root", note("x" * 500)))
        return store

    yield open_with
    for store in stores:
        store.close()


def asked(place):
    asker = Asker("U01ALICE", "T01ACME", DEPLOYS)
    return Asked(f"promote:{place}", "promote", asker, "1" * 32, {})


@contextmanager
def counting(store):
    """How many hundred steps SQLite's machine takes."""
    taken = []
    with store.transaction() as db:
        db.conn.set_progress_handler(lambda: taken.append(1), 100)
    yield taken
    with store.transaction() as db:
        db.conn.set_progress_handler(None, 0)


def send_one(store):
    messages = Messages(store)
    [next_one] = messages.posts()
    messages.take(next_one)
    messages.posted(next_one, "1.0")
    messages.edits(0.0, 3.0)


def finish_a_gate(store):
    gates = GateLog(store, Messages(store))
    gates.started("c-00000003", "tests")
    gates.finished("c-00000003", DEPLOYS, RESULT)


def accept_a_request(store):
    inbox = Inbox(store)
    assert inbox.accept(asked(-1))
    inbox.finish(inbox.begin(asked(-1)))


@pytest.mark.parametrize("work", [send_one, finish_a_gate, accept_a_request])
def test_what_was_said_and_what_waits_costs_the_next_message_nothing(opened, work):
    few, many = opened(FEW), opened(MANY)

    with counting(few) as before:
        work(few)
    with counting(many) as after:
        work(many)

    assert len(after) <= 2 * len(before) + 5


def test_the_next_post_of_every_channel_is_its_oldest(opened):
    store = opened(0)
    messages = Messages(store)
    for place in range(3):
        messages.want(DEPLOYS, Wanted(f"a-{place}", note("x")))
        messages.want(INCIDENT, Wanted(f"b-{place}", note("x")))
    messages.posted(messages.posts()[0], "1.0")

    assert [message.key for message in messages.posts()] == ["b-0", "a-1"]


def test_urgent_edits_come_first_and_others_once_their_pause_is_over(opened):
    store = opened(0)
    messages = Messages(store)
    for key in ("calm", "urgent"):
        messages.want(DEPLOYS, Wanted(key, note("before")))
        messages.posted(messages.posts()[0], "1.0")
        messages.want(DEPLOYS, Wanted(key, note("after"), urgent=key == "urgent"))
    posted = max(message.edited for message in messages.edits(2e10, 3))

    assert [m.key for m in messages.edits(posted + 1, 3)] == ["urgent"]
    assert [m.key for m in messages.edits(posted + 4, 3)] == ["urgent", "calm"]


def test_keys_are_found_by_how_they_begin(opened):
    messages = Messages(opened(0))
    for key in ("c-1:gates:0", "c-1:gates:1", "c-1:ask", "c-10:gates:0"):
        messages.want(DEPLOYS, Wanted(key, note("x")))

    assert messages.under("c-1:gates:") == ("c-1:gates:0", "c-1:gates:1")
