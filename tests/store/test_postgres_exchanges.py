"""Statements are sent in few exchanges, with the limits and guarantees of separate ones."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install 'floe[postgres]'")

from psycopg import ClientCursor

from engine.domain.errors import StoreUnavailableError
from engine.runtime.postgres_connection import PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from engine.runtime.wakeups import Topic
from tests.peers.postgres import PostgresProcess
from tests.store.databases import new_schema

_TABLE = "CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER);"
_ADD = "INSERT INTO counts (name, n) VALUES (?, 1) ON CONFLICT (name) DO NOTHING"
_COUNT = "UPDATE counts SET n = n + 1"

pytestmark = pytest.mark.timeout(240)
Open = Callable[..., PostgresDatabase]


@pytest.fixture(params=["postgres", "pgbouncer"])
def open_counts(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a database with a table `counts`, on a server and through a pooler."""
    direct = request.param == "postgres"
    server = request.getfixturevalue("postgres_server" if direct else "pooler")
    schema, opened = new_schema(), []

    def opener(wait_seconds: float = 30) -> PostgresDatabase:
        made = PostgresServer(server.url if direct else server, wait_seconds=wait_seconds)
        opened.append(made)
        return PostgresDatabase(made, schema, "counts", (_TABLE,))

    yield opener
    for each in opened:
        each.close()


def counts(database: PostgresDatabase) -> list[Any]:
    with database.read() as db:
        return db.execute("SELECT name, n FROM counts ORDER BY name").fetchall()


def count_exchanges(server: PostgresServer) -> list[object]:
    """The statements that the idle connection of `server` sends from now on."""
    sent: list[object] = []

    class Cursor(ClientCursor[Any]):
        def execute(self, *arguments: Any, **options: Any) -> Self:
            sent.append(arguments)
            return super().execute(*arguments, **options)

    (connection,) = server._idle
    connection.cursor_factory = Cursor
    return sent


def test_single_statement_takes_one_exchange_and_a_transaction_one_more(open_counts: Open) -> None:
    opened = open_counts()
    opened.apply(_ADD, ["a"])
    sent = count_exchanges(opened.server)
    lengths = []

    opened.apply(_COUNT, (), Topic.WORK)
    lengths.append(len(sent))
    with opened.write() as db:
        db.execute(_COUNT)
        db.announce(Topic.WORK)
    lengths.append(len(sent))
    found = counts(opened)
    lengths.append(len(sent))

    assert found == [("a", 3)]
    assert lengths == [1, 3, 4]


@pytest.mark.parametrize(
    "text", ["it's", "50% ? :n %s %(n)s", r"\' \x00 \\", "'; DROP TABLE counts; --", "ü ☃"]
)
def test_values_are_stored_as_they_are(open_counts: Open, text: str) -> None:
    opened = open_counts()

    opened.apply(_ADD, [text])
    with opened.write() as db:
        db.execute("UPDATE counts SET n = -n - :n WHERE name = :name", {"name": text, "n": 2**40})

    assert counts(opened) == [(text, -1 - 2**40)]


def test_statement_that_fails_leaves_no_effect_and_a_connection_in_use(open_counts: Open) -> None:
    opened = open_counts()
    opened.apply(_ADD, ["a"])

    with pytest.raises(StoreUnavailableError, match="division by zero"):
        opened.apply("UPDATE counts SET n = n / 0")
    with pytest.raises(StoreUnavailableError, match="division by zero"), opened.write() as db:
        db.execute(_COUNT)
        db.execute("SELECT 1 / 0")

    assert counts(opened) == [("a", 1)]
    assert opened.apply(_COUNT) == 1


def test_statements_end_within_their_time(open_counts: Open) -> None:
    opened, hurried = open_counts(), open_counts(wait_seconds=1)
    opened.apply(_ADD, ["a"])

    with pytest.raises(StoreUnavailableError, match="did not answer within"), hurried.read() as db:
        db.execute("SELECT pg_sleep(60)")
    with opened.append() as db:
        db.execute(_COUNT)
        with pytest.raises(StoreUnavailableError, match="is being written by others"):
            hurried.apply(_COUNT)

    assert counts(opened) == [("a", 2)]


def test_transactions_exclude_each_other_and_rows_are_added_beside_them(open_counts: Open) -> None:
    opened, other = open_counts(), open_counts(wait_seconds=1)
    opened.migrate()

    with opened.write() as db:
        db.execute("SELECT 1")
        with pytest.raises(StoreUnavailableError, match="written by others"), other.write() as two:
            two.execute("SELECT 1")
        with other.append() as two:
            two.execute(_ADD, ["appended"])
        other.apply(_ADD, ["applied"])
        seen = db.execute("SELECT name FROM counts ORDER BY name").fetchall()

    assert seen == [("appended",), ("applied",)]


def test_reads_cannot_write(open_counts: Open) -> None:
    opened = open_counts()

    with pytest.raises(StoreUnavailableError, match="standby"), opened.read() as db:
        db.execute(_ADD, ["a"])

    assert counts(opened) == []


def test_writes_on_a_connection_that_was_cut_take_effect_once(
    open_counts: Open, postgres_server: PostgresProcess
) -> None:
    opened = open_counts()
    opened.apply(_ADD, ["a"])

    for _ in range(2):
        cut(opened, postgres_server)
        opened.apply("UPDATE counts SET n = 2 WHERE n = 1")
        cut(opened, postgres_server)
        with opened.write() as db:
            db.execute(_COUNT)

    assert counts(opened) == [("a", 4)]


def cut(database: PostgresDatabase, server: PostgresProcess) -> None:
    with database.read() as db:
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone()
    server.execute(f"SELECT pg_terminate_backend({pid})")
