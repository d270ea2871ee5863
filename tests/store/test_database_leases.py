"""Leases in a database exclude other machines, and the clock is the database's."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install 'floe[postgres]'")

from engine.adapters.state.database_leases import MIGRATIONS, DatabaseLeases, Lease
from engine.bootstrap.clock import DatabaseClock
from engine.bootstrap.leader import Leader
from engine.domain.errors import ConflictError, StoreUnavailableError
from engine.runtime.postgres_connection import PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from tests.peers.postgres import PostgresProcess
from tests.store.databases import new_schema

REPOSITORY = Path(__file__).parents[2]
HOLDER = """
import sys
from tests.store.test_database_leases import leases_at
url, schema = sys.argv[1:]
with leases_at(url, schema, lasting_seconds=3).hold("prod"):
    print("held", flush=True)
    sys.stdin.read()
print("released", flush=True)
"""


class NoLeases:
    """Each machine has its own files, so the files of one exclude no other."""

    def hold(self, environment: str) -> nullcontext[None]:
        return nullcontext()


def leases_at(
    url: str,
    schema: str,
    wait_seconds: float = 0,
    lasting_seconds: float = 15,
    product: str = "",
) -> DatabaseLeases:
    server = PostgresServer(url, wait_seconds=30)
    tables = PostgresDatabase(server, schema, "leases", MIGRATIONS)
    return DatabaseLeases(tables, NoLeases(), wait_seconds, lasting_seconds, product)


Open = Callable[..., DatabaseLeases]


@pytest.fixture
def schema() -> str:
    return new_schema()


@pytest.fixture
def open_leases(postgres_server: PostgresProcess, schema: str) -> Iterator[Open]:
    """Open the leases of another machine."""
    opened: list[DatabaseLeases] = []

    def opener(**options: Any) -> DatabaseLeases:
        opened.append(leases_at(postgres_server.url, schema, **options))
        return opened[-1]

    yield opener
    for each in opened:
        each.database.server.close()


@contextmanager
def holder(url: str, schema: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds prod until its input ends."""
    argv = [sys.executable, "-c", HOLDER, url, schema]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=REPOSITORY, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_lease_excludes_other_machines_until_it_is_released(open_leases: Open) -> None:
    first, second = open_leases(), open_leases()

    with first.hold("prod"), second.hold("staging"):
        with pytest.raises(ConflictError) as refused, second.hold("prod"):
            pass
        assert "prod is being changed by process " in str(refused.value)
    with second.hold("prod"):
        pass


def test_products_with_equal_environments_have_leases_of_their_own(open_leases: Open) -> None:
    names = ("", "checkout", "billing", "checkout")
    unnamed, checkout, billing, again = (open_leases(product=name) for name in names)

    with unnamed.hold("prod"), checkout.hold("prod"), billing.hold("prod"):
        with (
            pytest.raises(ConflictError, match="^checkout/prod is being") as refused,
            again.hold("prod"),
        ):
            pytest.fail("got a lease that was taken")
        details = refused.value.details

    assert (details["environment"], details["product"]) == ("prod", "checkout")


def test_a_lease_is_released_after_an_error(open_leases: Open) -> None:
    with pytest.raises(KeyboardInterrupt), open_leases().hold("prod"):
        raise KeyboardInterrupt

    with open_leases().hold("prod"):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lease_of_a_dead_or_stopped_process_expires(
    open_leases: Open, postgres_server: PostgresProcess, schema: str, number: signal.Signals
) -> None:
    with holder(postgres_server.url, schema) as process:
        # A living holder renews its lease.
        time.sleep(4)
        with pytest.raises(ConflictError), open_leases().hold("prod"):
            pass
        process.send_signal(number)

        with open_leases(wait_seconds=60).hold("prod"):
            process.send_signal(signal.SIGCONT)
            with pytest.raises(ConflictError), open_leases().hold("prod"):
                pass


def test_release_of_a_lost_lease_does_not_free_it_for_others(open_leases: Open) -> None:
    tables = open_leases().database
    lost, taken = Lease(tables, "prod", 0.01), Lease(tables, "prod", 60)
    lost.take()
    time.sleep(0.05)

    assert taken.take() is None
    lost.release()

    assert Lease(tables, "prod").take() is not None


def test_one_server_leads_and_another_follows_when_it_ends(open_leases: Open) -> None:
    tables = open_leases().database
    first, second = (Leader(Lease(tables, "slack", 10)) for _ in range(2))

    first.start()
    second.start()
    while_both_run = (first.leads(), second.leads())
    first.stop()
    deadline = time.monotonic() + 60
    while not second.leads() and time.monotonic() < deadline:
        time.sleep(0.1)
    after = (first.leads(), second.leads())
    second.stop()

    assert while_both_run == (True, False)
    assert after == (False, True)


def test_leader_that_steps_aside_is_followed_by_another_server(open_leases: Open) -> None:
    tables = open_leases().database
    first, second = (Leader(Lease(tables, "slack", 10)) for _ in range(2))
    first.start()
    second.start()

    first.step_aside()
    at_once = first.leads()
    deadline = time.monotonic() + 60
    while not second.leads() and time.monotonic() < deadline:
        time.sleep(0.1)
    after = (first.leads(), second.leads())
    first.stop()
    second.stop()

    assert (at_once, after) == (False, (False, True))


def test_a_server_alone_always_leads() -> None:
    alone = Leader(None)
    alone.start()

    assert alone.leads()
    alone.stop()


def test_clocks_of_machines_that_differ_are_one(postgres_server: PostgresProcess) -> None:
    server = PostgresServer(postgres_server.url, wait_seconds=30)
    clocks = [
        DatabaseClock(server.now, lambda shift=shift: time.monotonic() + shift)  # type: ignore[misc]
        for shift in (-86400.0, 0.0, 3600.0)
    ]

    times = [clock.now() for clock in clocks]
    between = server.now()
    server.close()

    assert all(abs(each.timestamp() - between) < 30 for each in times)


def test_a_clock_counts_on_and_asks_rarely_while_the_database_is_gone() -> None:
    asked: list[float] = []
    time_there = 100.0

    def read() -> float:
        asked.append(now[0])
        if now[0] > 0:
            raise StoreUnavailableError("the database does not answer")
        return time_there

    now = [0.0]
    clock = DatabaseClock(read, lambda: now[0])
    first = clock.now()
    now[0] = 61.0
    times = [clock.now() for _ in range(3)]
    now[0] = 67.0
    clock.now()

    assert first.timestamp() == time_there
    assert [each.timestamp() for each in times] == [161.0] * 3
    assert asked == [0.0, 61.0, 67.0]


def test_threads_wait_for_each_other(open_leases: Open) -> None:
    leases, inside, most = open_leases(wait_seconds=120), [0], []

    def work() -> None:
        with leases.hold("prod"):
            inside[0] += 1
            most.append(inside[0])
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 8
