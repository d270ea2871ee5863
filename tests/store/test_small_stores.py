"""The smaller stores work in every kind of database."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from bot.blocks.ephemeral import note
from bot.database import BotStore
from bot.ephemeral import EphemeralStore
from bot.gate_progress import GateProgressStore
from bot.inbox import Action, Inbox, Origin, _Queued
from bot.message_store import DesiredMessage, MessageStore
from engine.adapters.store import SqlHeads, SqlOutcomes, SqlTally
from engine.adapters.store.ended_sessions import SqlEndedSessions
from engine.adapters.store.records import SqlRecords
from engine.adapters.webhooks import SqlOutbox
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from engine.domain.change import ChangeState
from engine.domain.delivery import Delivery
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.record import RegistrySync
from engine.domain.selection import Selection
from engine.domain.state import EnvironmentState
from engine.domain.status import EnvironmentStatus
from engine.ports import DueAttempts
from engine.ports.record_cache import CachedRange, CachedStatus
from tests.bot.samples import sample
from tests.checks.contexts import entry
from tests.domain.records import a_promotion
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON

HOUR = timedelta(hours=1)
HEAD = KnownHead(7, Digest.of(b"seven"))
DEPLOYS, INCIDENT = "C01DEPLOY", "C02INC"


def test_newest_head_of_each_repository_is_known(databases: Databases) -> None:
    heads = SqlHeads(databases.state(), "acme")

    heads.remember("prod", HEAD)
    heads.remember("prod", KnownHead(6, Digest.of(b"six")))

    again = SqlHeads(databases.state(), "acme")
    assert again.known("prod") == HEAD
    assert SqlHeads(databases.state(), "other").known("prod") is None
    again.forget("prod")
    assert heads.known("prod") is None


def test_attempts_are_due_once_an_hour(databases: Databases) -> None:
    first, second = SqlTally(databases.state()), SqlTally(databases.state())

    due = [tally.add("prod lock", NOON) for tally in (first, second)]
    first.recorded("prod lock", 1, NOON)
    within_the_hour = second.add("prod lock", NOON + 59 * MINUTE)
    later = second.add("prod lock", NOON + HOUR)

    assert due == [DueAttempts(1, known=False), None]
    assert within_the_hour is None
    assert later == DueAttempts(3, known=True)


def test_newest_kinds_of_refusals_stay(databases: Databases) -> None:
    tally = SqlTally(databases.state())
    for number in range(502):
        tally.add(f"kind {number}", NOON + number * MINUTE)

    with databases.state().read() as db:
        count, oldest = db.execute("SELECT count(*), min(seen_at) FROM refusal_counts").fetchone()
        assert count == 500
        assert (
            oldest
            == db.execute("SELECT seen_at FROM refusal_counts WHERE kind = 'kind 2'").fetchone()[0]
        )


def test_outcomes_of_the_newest_record_are_known(databases: Databases) -> None:
    copied = RegistrySync(registry="r.example.com/acme", status="synced")
    outcomes = SqlOutcomes(databases.state(), "acme")

    outcomes.note("prod", "first", [copied])
    outcomes.note("prod", "second", [copied])

    assert outcomes.known("prod", "second") == (copied,)
    assert outcomes.known("prod", "first") == ()


def delivery(number: int) -> Delivery:
    created = NOON + number * MINUTE
    return Delivery(f"id-{number}", 0, "address", "promoted", f"r-{number}", b"\0{}", created)


def test_deliveries_are_taken_once_and_settled(databases: Databases) -> None:
    first, second = SqlOutbox(databases.outbox()), SqlOutbox(databases.outbox())
    first.add([delivery(0), delivery(1), delivery(2)])
    second.add([delivery(0)])

    taken = first.take(NOON + HOUR, MINUTE, limit=2)
    others = second.take(NOON + HOUR, MINUTE)
    first.done(taken[0], NOON + HOUR)
    first.failed(taken[1], "answered 500", NOON + HOUR)
    second.again(others[0], "timed out", NOON + 2 * HOUR)

    assert [each.id for each in (*taken, *others)] == ["id-0", "id-1", "id-2"]
    assert taken[0] == delivery(0)
    assert (second.waiting(), second.due_times()) == (1, {"": NOON + 2 * HOUR})
    assert [(each.id, each.problem) for each in second.failures()] == [("id-1", "answered 500")]
    assert second.redeliver("id-1", NOON)
    assert not second.redeliver("id-0", NOON)


def test_records_are_copied_and_selected(databases: Databases) -> None:
    copy, other = SqlRecords(databases.records()), SqlRecords(databases.records())
    entries = [
        replace(entry(a_promotion(version=f"v1.0.{n}", promotion_id=uuid4())), sequence=n + 1)
        for n in range(3)
    ]
    name, last = entries[0].environment, entries[-1]
    range_of = CachedRange(1, 3, last.digest, None)

    added = copy.extend(name, entries, None, range_of)
    again = other.extend(name, entries, None, range_of)
    copy.store_statuses(
        [CachedStatus(EnvironmentStatus(name, EnvironmentState(), None, None), NOON)]
    )

    assert (added, again) == (True, False)
    assert other.cached_ranges().get(name) == range_of
    found = other.page(Selection(environment=name, digest="sha256:a"), 2)
    assert [each.sequence for each in found] == [3, 2]
    cursor = (found[-1].record.at, name, 2)
    assert [each.sequence for each in other.page(Selection(), 9, cursor)] == [1]
    assert other.by_id(entries[0].record.id) is not None
    assert sorted(other.versions(2)) == ["v1.0.1", "v1.0.2"]
    assert other.find_placements(["v1.0.0", "v9.0.0"]) == {("v1.0.0", name)}
    assert other.count() == {(name, "promotion"): 3}
    assert [each.at for each in other.statuses()] == [NOON]
    other.forget(name)
    assert copy.page(Selection(), 9) == ()


@pytest.fixture
def bots(databases: Databases) -> Iterator[tuple[BotStore, BotStore]]:
    """The stores of two servers."""
    made = BotStore(databases.bot()), BotStore(databases.bot())
    yield made
    for each in made:
        each.close()


def action(key: str) -> Action:
    return Action(key, "promote", Origin("U01ALICE", "T01ACME", DEPLOYS), "0" * 32, {"to": "prod"})


def test_delivery_to_two_servers_is_one_action(bots: tuple[BotStore, BotStore]) -> None:
    first, second = map(Inbox, bots)

    accepted = [first.accept(action("promote:1")), second.accept(action("promote:1"))]
    [waiting] = second.pending()
    attempt = second.start_attempt(waiting)
    assert attempt is not None
    second.finish(attempt)

    assert accepted == [True, False]
    assert (waiting.arguments, attempt.tries) == ({"to": "prod"}, 1)
    assert first.pending() == []
    assert first.start_attempt(waiting) is None
    assert not first.accept(action("promote:1"))


def test_servers_that_store_the_same_actions_do_not_block_each_other(
    bots: tuple[BotStore, BotStore],
) -> None:
    first, second = map(Inbox, bots)
    second._queue.put(_Queued(action("promote:2")))

    with ThreadPoolExecutor(1) as other, bots[0].transaction():
        assert first.accept(action("promote:1"))
        accepted = other.submit(second.accept, action("promote:1"))
        # Without an order, the other server now holds the second action, and waits for the first.
        time.sleep(0.5)
        assert first.accept(action("promote:2"))

    assert not accepted.result(60)


def test_messages_are_posted_in_order_and_edited(bots: tuple[BotStore, BotStore]) -> None:
    first, second = map(MessageStore, bots)
    for place in range(2):
        first.ensure(DEPLOYS, DesiredMessage(f"c-{place}:root", note("x"), urgent=True))
        first.ensure(INCIDENT, DesiredMessage(f"c-{place}:gates:0", note("x")))

    posts = second.next_posts()
    second.mark_attempted(posts[0])
    taken = first.next_posts()[0].taken
    second.mark_posted(posts[0], "1.0")
    unchanged = first.due_edits(2e10, 3)
    first.ensure(DEPLOYS, DesiredMessage("c-0:root", note("y"), urgent=True))

    assert [message.key for message in posts] == ["c-0:root", "c-0:gates:0"]
    assert taken is not None
    assert unchanged == []
    assert [message.key for message in second.due_edits(2e10, 3)] == ["c-0:root"]
    assert [message.key for message in second.next_posts()] == ["c-0:gates:0", "c-1:root"]
    assert second.location("c-0:root") == (DEPLOYS, "1.0")
    assert second.keys_with_prefix("c-1:") == ("c-1:root", "c-1:gates:0")
    assert set(second.unfinished_changes()) == {"c-0", "c-1"}
    second.mark_failed(second.next_posts()[0], "channel_not_found")
    assert not first.is_unposted("c-0:gates:0")


def test_answers_gates_and_facts_are_kept(bots: tuple[BotStore, BotStore]) -> None:
    first, second = bots
    origin = Origin("U01ALICE", "", DEPLOYS, None, "https://hooks.example.com/secret")
    result: Any = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED).model_dump(mode="json")
    gates = GateProgressStore(first, MessageStore(first))

    for key in ("a", "b", "a"):
        EphemeralStore(first).add(key, origin, note("x"))
    [due] = EphemeralStore(second).due(2e10)
    EphemeralStore(second).postpone(due, 3e10)
    gates.record_start("c-1", "tests")
    change = sample(ChangeState.CHECKING).model_copy(update={"id": "c-1"})
    gates.record_end(change, DEPLOYS, result)
    first.write_fact("cursor", "1")
    first.write_fact("cursor", "2")

    assert due.origin == origin
    assert EphemeralStore(first).due(2e10) == []
    progress = GateProgressStore(second, MessageStore(second)).read_progress("c-1", 2)
    assert (len(progress.finished), progress.running) == (1, ())
    assert second.read_fact("cursor") == "2"


def test_session_ends_for_all_servers_until_it_expires(databases: Databases) -> None:
    here, there = SqlEndedSessions(databases.sessions()), SqlEndedSessions(databases.sessions())
    before = there.ended()

    here.end("one", NOON, NOON + timedelta(hours=8))
    here.end("one", NOON, NOON + timedelta(hours=8))
    ended = there.ended()
    there.end("two", NOON + timedelta(hours=9), NOON + timedelta(hours=17))

    assert (before, ended) == (frozenset(), {"one"})
    assert here.ended() == {"two"}
