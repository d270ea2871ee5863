"""The message store: its order, and a cost that does not grow with its size."""

from contextlib import contextmanager

import pytest

from bot.blocks.ephemeral import note
from bot.database import BotStore, bot_database
from bot.gate_progress import GateProgressStore
from bot.inbox import Action, Inbox, Origin
from bot.message_store import DesiredMessage, MessageStore
from engine.domain.change import ChangeState
from engine.domain.gate import GateKind, GateResult, GateStatus
from tests.bot.samples import sample

DEPLOYS, INCIDENT = "C01DEPLOY", "C02INC"
FEW, MANY = 20, 1000
RESULT = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED).model_dump(mode="json")


@pytest.fixture
def open_store(tmp_path):
    """Open stores with `number` posted and waiting messages, gates and finished actions."""
    stores = []

    def open_with(number):
        store = BotStore(bot_database(tmp_path / str(number)))
        stores.append(store)
        messages, inbox, gates = (
            MessageStore(store),
            Inbox(store),
            GateProgressStore(store, MessageStore(store)),
        )
        with store.transaction():
            for place in range(number):
                messages.ensure(INCIDENT, DesiredMessage(f"c-{place:08}:root", note("x" * 500)))
                messages.mark_posted(messages.next_posts()[0], f"{place}.0")
                inbox.accept(action(place))
                inbox.finish(action(place))
                gates.record_end(change(f"c-{place:08}"), None, RESULT)
            for place in range(number):
                messages.ensure(DEPLOYS, DesiredMessage(f"w-{place:08}:root", note("x" * 500)))
        return store

    yield open_with
    for store in stores:
        store.close()


def action(place):
    origin = Origin("U01ALICE", "T01ACME", DEPLOYS)
    return Action(f"promote:{place}", "promote", origin, "1" * 32, {})


@contextmanager
def counting(store):
    """Count SQLite's virtual machine steps in hundreds."""
    taken = []
    with store.transaction() as db:
        db.set_progress_handler(lambda: taken.append(1), 100)
    yield taken
    with store.transaction() as db:
        db.set_progress_handler(None, 0)


def send_one(store):
    messages = MessageStore(store)
    [next_one] = messages.next_posts()
    messages.mark_attempted(next_one)
    messages.mark_posted(next_one, "1.0")
    messages.due_edits(0.0, 3.0)


def change(change_id):
    return sample(ChangeState.CHECKING).model_copy(update={"id": change_id})


def finish_a_gate(store):
    gates = GateProgressStore(store, MessageStore(store))
    gates.record_start("c-00000003", "tests")
    gates.record_end(change("c-00000003"), DEPLOYS, RESULT)


def accept_a_request(store):
    inbox = Inbox(store)
    assert inbox.accept(action(-1))
    inbox.finish(inbox.start_attempt(action(-1)))


@pytest.mark.parametrize("work", [send_one, finish_a_gate, accept_a_request])
def test_cost_of_a_message_does_not_grow_with_the_store(open_store, work):
    few, many = open_store(FEW), open_store(MANY)

    with counting(few) as before:
        work(few)
    with counting(many) as after:
        work(many)

    assert len(after) <= 2 * len(before) + 5


def test_next_post_of_a_channel_is_its_oldest(open_store):
    store = open_store(0)
    messages = MessageStore(store)
    for place in range(3):
        messages.ensure(DEPLOYS, DesiredMessage(f"a-{place}", note("x")))
        messages.ensure(INCIDENT, DesiredMessage(f"b-{place}", note("x")))
    messages.mark_posted(messages.next_posts()[0], "1.0")

    assert [message.key for message in messages.next_posts()] == ["b-0", "a-1"]


def test_urgent_edits_come_first_and_others_after_their_pause(open_store):
    store = open_store(0)
    messages = MessageStore(store)
    for key in ("calm", "urgent"):
        messages.ensure(DEPLOYS, DesiredMessage(key, note("before")))
        messages.mark_posted(messages.next_posts()[0], "1.0")
        messages.ensure(DEPLOYS, DesiredMessage(key, note("after"), urgent=key == "urgent"))
    posted = max(message.edited for message in messages.due_edits(2e10, 3))

    assert [m.key for m in messages.due_edits(posted + 1, 3)] == ["urgent"]
    assert [m.key for m in messages.due_edits(posted + 4, 3)] == ["urgent", "calm"]


def test_keys_are_found_by_prefix(open_store):
    messages = MessageStore(open_store(0))
    for key in ("c-1:gates:0", "c-1:gates:1", "c-1:ask", "c-10:gates:0"):
        messages.ensure(DEPLOYS, DesiredMessage(key, note("x")))

    assert messages.keys_with_prefix("c-1:gates:") == ("c-1:gates:0", "c-1:gates:1")
