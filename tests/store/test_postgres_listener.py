"""Announcements of transactions wake the loops of other processes, which poll without them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install 'floe[postgres]'")

from engine.adapters.store.migrations import MIGRATIONS
from engine.runtime.postgres_connection import PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from engine.runtime.postgres_listener import PostgresListener
from engine.runtime.wakeups import Topic
from tests.peers.postgres import PostgresProcess
from tests.store.databases import new_schema

_SECONDS = 30


class Stage:
    """A listener at `direct` and a writer at `url`, in one schema."""

    def __init__(self, url: str, direct: str) -> None:
        self.schema = new_schema()
        self.server, self.direct = (PostgresServer(each, wait_seconds=10) for each in (url, direct))
        self.database = PostgresDatabase(self.server, self.schema, "changes", MIGRATIONS)
        self.database.migrate()
        self.listener = PostgresListener(self.server, self.direct, self.schema)
        self.work, self.feed = threading.Event(), threading.Event()
        self.listener.subscribe(Topic.WORK, self.work.set)
        self.listener.subscribe(Topic.FEED, self.feed.set)

    def is_delivered(self) -> bool:
        return self.listener.pause(0.5) >= 10

    def until_delivered(self) -> None:
        assert until(self.is_delivered)
        self.work.clear()
        self.feed.clear()

    def close(self) -> None:
        self.server.close()
        self.direct.close()


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + _SECONDS
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def stage_at(stack: ExitStack, url: str, direct: str) -> Stage:
    made = Stage(url, direct)
    stack.callback(made.close)
    stack.enter_context(made.listener.delivered())
    return made


def test_loops_wake_when_a_transaction_is_committed(
    stack: ExitStack, postgres_server: PostgresProcess
) -> None:
    stage = stage_at(stack, postgres_server.url, postgres_server.url)
    stage.until_delivered()

    with stage.database.write() as db:
        db.announce(Topic.WORK)
        before = stage.work.wait(0.2)
    after = stage.work.wait(_SECONDS)

    assert (before, after) == (False, True)
    assert not stage.feed.is_set()


def test_transaction_that_was_rolled_back_wakes_nobody(
    stack: ExitStack, postgres_server: PostgresProcess
) -> None:
    stage = stage_at(stack, postgres_server.url, postgres_server.url)
    stage.until_delivered()

    with pytest.raises(ZeroDivisionError), stage.database.write() as db:
        db.announce(Topic.WORK)
        raise ZeroDivisionError
    with stage.database.write() as db:
        db.announce(Topic.FEED)

    assert stage.feed.wait(_SECONDS)
    assert not stage.work.is_set()


def test_announcement_through_a_pooler_reaches_the_direct_connection(
    stack: ExitStack, postgres_server: PostgresProcess, pooler: str
) -> None:
    stage = stage_at(stack, pooler, postgres_server.url)
    stage.until_delivered()

    with stage.database.write() as db:
        db.announce(Topic.WORK)

    assert stage.work.wait(_SECONDS)


def test_loops_poll_often_where_a_pooler_delivers_nothing(
    stack: ExitStack, pooler: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "engine.runtime")

    stage = stage_at(stack, pooler, pooler)

    assert until(lambda: "set state.listen_url to its direct address" in caplog.text)
    assert stage.listener.pause(0.5) == 0.5


def test_loops_poll_often_where_announcements_go_to_another_database(
    stack: ExitStack, postgres_server: PostgresProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "engine.runtime")

    stage = stage_at(stack, postgres_server.url, postgres_server.url_of("postgres"))

    assert until(lambda: "does not deliver notifications" in caplog.text)
    assert not stage.is_delivered()


def test_loops_wake_and_poll_often_after_the_connection_was_cut(
    stack: ExitStack, postgres_server: PostgresProcess
) -> None:
    stage = stage_at(stack, postgres_server.url, postgres_server.url)
    stage.until_delivered()
    pauses: list[float] = []
    stage.listener.subscribe(Topic.WORK, lambda: pauses.append(stage.listener.pause(0.5)))

    begun = time.monotonic()
    postgres_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %"
        f"{stage.schema}%' AND pid <> pg_backend_pid()"
    )
    woken = stage.work.wait(_SECONDS)
    took = time.monotonic() - begun
    stage.until_delivered()
    with stage.database.write() as db:
        db.announce(Topic.WORK)

    assert woken
    # The next attempt to listen follows after 5 seconds.
    assert took < 4.5
    assert pauses[0] == 0.5
    assert stage.work.wait(_SECONDS)


def test_listener_ends_soon(postgres_server: PostgresProcess) -> None:
    stage = Stage(postgres_server.url, postgres_server.url)
    with stage.listener.delivered():
        stage.until_delivered()
        begun = time.monotonic()
    stage.close()

    assert time.monotonic() - begun < 5
    assert not stage.is_delivered()
