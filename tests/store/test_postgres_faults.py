"""A PostgreSQL server that dies, stops, or cuts connections loses no data and blocks no caller."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install 'floe[postgres]'")

from engine.adapters.store import SqlStore
from engine.adapters.store.migrations import MIGRATIONS
from engine.domain.change import ChangeState
from engine.domain.errors import ConfigError, StoreUnavailableError
from engine.runtime.postgres_connection import PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from tests.peers.loopback import free_port
from tests.peers.postgres import PASSWORD, PostgresProcess, postgres
from tests.store.databases import new_schema
from tests.store.stores import HandClock, change, ids

# A server that does not answer is not asked again for half a second.
_DOWN_SECONDS = 0.6

pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def own_server(postgres_server: PostgresProcess) -> Iterator[PostgresProcess]:
    """A server that these tests may hurt."""
    with postgres() as server:
        yield server


Open = Callable[..., PostgresDatabase]


@pytest.fixture
def open_database(own_server: PostgresProcess) -> Iterator[Open]:
    """Open a database with connections and, unless it is named, a schema of its own."""
    opened: list[PostgresDatabase] = []

    def opener(
        url: str = own_server.url,
        wait_seconds: float = 30,
        schema: str | None = None,
        most: int = 16,
        migrations: Sequence[str] = MIGRATIONS,
        minimum: int = 1,
    ) -> PostgresDatabase:
        server = PostgresServer(url, wait_seconds=wait_seconds, most=most)
        made = PostgresDatabase(server, schema or new_schema(), "changes", migrations, minimum)
        opened.append(made)
        return made

    yield opener
    for each in opened:
        each.server.close()


@pytest.fixture
def hurt(own_server: PostgresProcess, open_database: Open) -> tuple[PostgresProcess, SqlStore]:
    return own_server, SqlStore(open_database(), HandClock())


def refused(store: SqlStore) -> str:
    with pytest.raises(StoreUnavailableError) as error:
        store.open()
    assert PASSWORD not in str(error.value)
    return str(error.value)


def test_killed_server_loses_nothing_and_its_connections_are_replaced(
    hurt: tuple[PostgresProcess, SqlStore],
) -> None:
    server, store = hurt
    kept = store.add(change(), None)

    server.stop(signal.SIGKILL)
    while_gone = refused(store)
    server.start()
    time.sleep(_DOWN_SECONDS)
    moved = store.move(kept, kept.moved(ChangeState.EXECUTING))

    assert while_gone.startswith(f"PostgreSQL 127.0.0.1:{server.port}/floe cannot be reached (")
    assert while_gone.endswith("start it, or correct state.url")
    assert moved
    assert ids(store.open()) == [kept.id]


def test_idle_connection_that_was_cut_is_replaced_unnoticed(
    hurt: tuple[PostgresProcess, SqlStore],
) -> None:
    server, store = hurt
    kept = store.add(change(), None)

    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'floe' "
        "AND pid <> pg_backend_pid()"
    )

    assert ids(store.open()) == [kept.id]


def test_refused_connection_leaves_idle_ones_in_use(
    own_server: PostgresProcess, open_database: Open
) -> None:
    opened = open_database()
    store = SqlStore(opened, HandClock())
    store.open()

    own_server.execute("ALTER DATABASE floe ALLOW_CONNECTIONS false", "postgres")
    try:
        with opened.read() as db, pytest.raises(StoreUnavailableError):
            db.execute("SELECT 1")
            store.open()
        with opened.read() as db:
            (found,) = db.execute("SELECT 1").fetchone()
    finally:
        own_server.execute("ALTER DATABASE floe ALLOW_CONNECTIONS true", "postgres")

    assert found == 1


def test_connection_cut_in_a_transaction_is_not_replaced(
    own_server: PostgresProcess, open_database: Open
) -> None:
    opened = open_database()
    store = SqlStore(opened, HandClock())
    kept = store.add(change(), None)

    with pytest.raises(StoreUnavailableError, match="try again"), opened.write() as db:
        db.execute("UPDATE changes SET turn = 7 WHERE id = ?", [kept.id])
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone()
        own_server.execute(f"SELECT pg_terminate_backend({pid})")
        db.execute("UPDATE changes SET turn = 8 WHERE id = ?", [kept.id])
    with opened.read() as db:
        (turn,) = db.execute("SELECT turn FROM changes WHERE id = ?", [kept.id]).fetchone()

    assert turn == 1


def test_connection_cut_before_the_commit_leaves_the_outcome_unknown(
    own_server: PostgresProcess,
    open_database: Open,
) -> None:
    opened = open_database()

    with pytest.raises(StoreUnavailableError, match="it is unknown whether"), opened.write() as db:
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone()
        own_server.execute(f"SELECT pg_terminate_backend({pid})")
        while own_server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
            time.sleep(0.01)


def test_stopped_server_is_given_up_within_its_time(
    own_server: PostgresProcess, open_database: Open
) -> None:
    opened = open_database(wait_seconds=1)
    store = SqlStore(opened, HandClock())
    kept = store.add(change(), None)

    own_server.send(signal.SIGSTOP)
    try:
        on_a_known_connection = refused(store)
        begun = time.monotonic()
        at_once = refused(store)
        took = time.monotonic() - begun
        time.sleep(_DOWN_SECONDS)
        on_a_new_one = refused(store)
    finally:
        own_server.send(signal.SIGCONT)
    time.sleep(_DOWN_SECONDS)

    assert on_a_known_connection.endswith("/floe did not answer within 1 seconds: try again")
    assert at_once == on_a_known_connection
    assert took < 0.5
    assert on_a_new_one.endswith("does not answer: start it, or correct state.url")
    assert ids(store.open()) == [kept.id]


def test_writer_that_stands_still_does_not_make_others_fail(
    own_server: PostgresProcess,
    open_database: Open,
) -> None:
    schema = new_schema()
    slow, other = (
        open_database(wait_seconds=6, schema=schema),
        open_database(wait_seconds=6, schema=schema),
    )
    waiting = SqlStore(other, HandClock())

    with pytest.raises(StoreUnavailableError, match="try again"), slow.write() as db:
        db.execute("SELECT 1")
        # The server ends the transaction of a suspended process, before the others give up.
        kept = waiting.add(change(), None)
        db.execute("SELECT 1")

    assert ids(waiting.open()) == [kept.id]


def test_wrong_settings_are_named_without_the_password(
    own_server: PostgresProcess, open_database: Open
) -> None:
    wrong_password = open_database(own_server.url_of("floe", "wr0ng-password"))
    no_database = open_database(own_server.url_of("missing"))
    no_server = open_database(f"postgresql://floe:{PASSWORD}@127.0.0.1:{free_port()}/floe")

    sentences = [
        refused(SqlStore(each, HandClock())) for each in (wrong_password, no_database, no_server)
    ]

    assert sentences[0].endswith("/floe refuses the user or the password: correct state.url")
    assert sentences[1].endswith(
        "/missing does not exist: create the database, or correct state.url"
    )
    assert "Connection refused" in sentences[2]
    assert not any("wr0ng-password" in sentence for sentence in sentences)
    with pytest.raises(ConfigError) as malformed:
        open_database(f"postgresql://floe:{PASSWORD}%zz@127.0.0.1/floe")
    assert PASSWORD not in f"{malformed.value} {malformed.value.__cause__}"


def test_newer_schema_is_used_only_from_its_minimum(
    own_server: PostgresProcess, open_database: Open
) -> None:
    schema, known_to_us = new_schema(), len(MIGRATIONS)
    more = (*MIGRATIONS, "ALTER TABLE changes ADD COLUMN extra TEXT;")
    open_database(schema=schema, migrations=more, minimum=known_to_us).migrate()
    known = SqlStore(open_database(schema=schema), HandClock())

    kept = known.add(change(), None)
    open_database(schema=schema, migrations=(*more, "SELECT 1;"), minimum=known_to_us + 1).migrate()
    too_old = open_database(schema=schema)

    assert known.open() == (kept,)
    assert refused(SqlStore(too_old, HandClock())).endswith(
        f"was migrated by a newer floe (schema {known_to_us + 2} of changes, usable from "
        f"{known_to_us + 1}; this floe knows {known_to_us}): start that version instead"
    )


def test_tables_are_made_again_in_an_empty_database(
    own_server: PostgresProcess, open_database: Open
) -> None:
    opened = open_database()
    store = SqlStore(opened, HandClock())
    store.add(change(), None)

    own_server.execute(f"DROP SCHEMA {opened.schema} CASCADE")
    while_gone = refused(store)

    assert "cannot be used (" in while_gone
    assert store.open() == ()


def test_schema_made_by_an_administrator_needs_no_right_to_make_one(
    own_server: PostgresProcess,
    open_database: Open,
) -> None:
    schema = new_schema()
    own_server.execute(f"CREATE ROLE {schema}_user LOGIN PASSWORD '{PASSWORD}'")
    own_server.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {schema}_user")
    url = own_server.url.replace("//floe:", f"//{schema}_user:")

    allowed = open_database(url, schema=schema)
    forbidden = open_database(url)

    assert SqlStore(allowed, HandClock()).open() == ()
    assert "grant it" in refused(SqlStore(forbidden, HandClock()))


def test_connections_are_limited(open_database: Open) -> None:
    opened = open_database(wait_seconds=0.2, most=1)
    opened.migrate()

    with opened.read(), ThreadPoolExecutor(1) as pool:
        other = pool.submit(SqlStore(opened, HandClock()).open)
        problem = other.exception()

    assert isinstance(problem, StoreUnavailableError)
    assert str(problem).endswith("has no free connection: all are in use. Try again")


def test_connections_are_closed_with_the_server(
    own_server: PostgresProcess, open_database: Open
) -> None:
    opened = open_database()
    opened.migrate()
    with opened.read() as db:
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone()
    opened.server.close()

    with pytest.raises(StoreUnavailableError, match="was closed: floe is ending"):
        SqlStore(opened, HandClock()).open()
    while own_server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
        time.sleep(0.05)
