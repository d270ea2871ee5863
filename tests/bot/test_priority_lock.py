"""Urgent transactions of the bot's database go before background work."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.database import BotStore, bot_database
from bot.inbox import Action, Inbox, Origin
from bot.priority_lock import PriorityLock
from engine.domain.errors import StoreUnavailableError
from tests.bot.stage import eventually
from tests.store.databases import Databases

_THREADS = 20


@pytest.fixture
def store(tmp_path):
    opened = BotStore(bot_database(tmp_path))
    yield opened
    opened.close()


def action(place):
    origin = Origin("U01ALICE", "T01ACME", "C01DEPLOY")
    return Action(f"promote:{place}", "promote", origin, "1" * 32, {})


def test_urgent_thread_goes_before_earlier_threads():
    lock, order = PriorityLock(), []

    def take(name, urgent):
        with lock.hold(urgent=urgent):
            order.append(name)

    with ThreadPoolExecutor(_THREADS) as pool, lock.hold():
        for _ in range(_THREADS - 1):
            pool.submit(take, "patient", False)
        pool.submit(take, "urgent", True)
        eventually(lambda: lock.urgent_waiters == 1, 60)

    assert order == ["urgent", *["patient"] * (_THREADS - 1)]


def test_later_thread_does_not_overtake_an_urgent_one():
    for _ in range(_THREADS):
        lock, order = PriorityLock(), []

        def take(name, urgent, lock=lock, order=order):
            with lock.hold(urgent=urgent):
                order.append(name)

        with ThreadPoolExecutor(1) as pool:
            with lock.hold():
                pool.submit(take, "urgent", True)
                eventually(lambda lock=lock: lock.urgent_waiters == 1, 60)
            take("later", False)

        assert order == ["urgent", "later"]


def test_lock_admits_every_thread_and_only_one_at_a_time():
    lock, inside, most = PriorityLock(), [], []

    def take(number):
        for _ in range(50):
            with lock.hold(urgent=number % 3 == 0) as outermost, lock.hold() as again:
                inside.append(number)
                most.append((len(inside), outermost, again))
                inside.pop()

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(take, range(_THREADS)):
            pass

    assert most == [(1, True, False)] * 50 * _THREADS


def test_lock_is_released_after_an_error():
    lock = PriorityLock()

    with pytest.raises(ValueError, match="inside"), lock.hold():
        raise ValueError("inside")
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(lambda: lock.hold().__enter__())

        assert taken.result(60) is True


@pytest.mark.requirement("SL-005")
def test_concurrent_requests_are_stored_in_one_transaction(store):
    inbox, committed = Inbox(store), []
    together = threading.Barrier(2 * _THREADS)

    def arrive(place):
        together.wait(60)
        return inbox.accept(action(place))

    with ThreadPoolExecutor(2 * _THREADS) as pool:
        with store.transaction() as db:
            arriving = [pool.submit(arrive, n // 2) for n in range(2 * _THREADS)]
            eventually(lambda: inbox.queue_length == 2 * _THREADS, 60)
            db.set_trace_callback(committed.append)
        new = [each.result(60) for each in arriving]

    assert sum(new) == _THREADS
    assert len(inbox.pending()) == _THREADS
    written = [place for place, statement in enumerate(committed) if statement.startswith("INSERT")]
    assert len(written) == 2 * _THREADS
    assert "COMMIT" not in committed[written[0] : written[-1]]


def test_reads_do_not_wait_for_background_work(databases):
    store = BotStore(databases.bot())
    store.write_fact("name", "before")

    with ThreadPoolExecutor(1) as pool, store.transaction():
        store.write_fact("name", "after")
        there = store.read_fact("name")
        elsewhere = pool.submit(store.read_fact, "name").result(60)

    assert (there, elsewhere, store.read_fact("name")) == ("after", "before", "after")


def test_threads_of_a_server_do_not_time_out_behind_each_other(postgres_server, tmp_path):
    databases = Databases(tmp_path, postgres_server.url)
    store = BotStore(databases.bot(wait_seconds=3))

    def work(number):
        with store.transaction():
            time.sleep(0.3)
        return number

    with ThreadPoolExecutor(_THREADS) as pool:
        done = list(pool.map(work, range(_THREADS)))

    databases.close()
    assert done == list(range(_THREADS))


@pytest.mark.requirement("SL-005")
def test_requests_do_not_wait_for_background_work_of_servers_that_share_a_database(
    postgres_server, tmp_path
):
    shared = Databases(tmp_path, postgres_server.url)
    one, other = Inbox(BotStore(shared.bot())), Inbox(BotStore(shared.bot()))

    with ThreadPoolExecutor(1) as pool, BotStore(shared.bot()).transaction() as db:
        db.execute("UPDATE facts SET value = 'later'")
        new = [pool.submit(inbox.accept, action(1)).result(60) for inbox in (one, other)]

    assert new == [True, False]
    assert [waiting.key for waiting in other.pending()] == ["promote:1"]
    shared.close()


@pytest.mark.requirement("SL-005")
def test_requests_that_cannot_be_stored_are_refused_and_never_stored_later(store):
    inbox = Inbox(store)

    with ThreadPoolExecutor(_THREADS) as pool:
        with store.transaction() as db:
            arriving = [pool.submit(inbox.accept, action(n)) for n in range(_THREADS)]
            eventually(lambda: inbox.queue_length == _THREADS, 60)
            db.execute("ALTER TABLE inbox RENAME TO elsewhere")
        errors = [each.exception(60) for each in arriving]
    with store.transaction() as db:
        db.execute("ALTER TABLE elsewhere RENAME TO inbox")

    assert {type(error) for error in errors} == {StoreUnavailableError}
    assert isinstance(errors[0].__cause__, sqlite3.OperationalError)
    assert inbox.accept(action("later"))
    assert [waiting.key for waiting in inbox.pending()] == ["promote:later"]
