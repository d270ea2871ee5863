"""Compares a promotion whose state is in PostgreSQL with one whose state is in files."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from psycopg import ClientCursor

from bench.platform import medians, opened, registry_host
from bench.proxy import counting
from bench.rows import Row, beside
from engine.adapters.state import FileLeases
from engine.adapters.state.database_leases import MIGRATIONS as LEASES
from engine.adapters.state.database_leases import DatabaseLeases
from engine.adapters.store import SqlHeads, state_database
from engine.adapters.store.entry_claims import MIGRATIONS as ENTRIES
from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.adapters.store.migrations import MIGRATIONS as CHANGES
from engine.api import Engine
from engine.bootstrap.clock import SystemClock
from engine.runtime.postgres_connection import BoundedConnection, PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from tests.builders import image
from tests.peers import raw
from tests.peers.postgres import postgres
from tests.scenarios.engines import engine_on, promote, with_parts

# To the registry and to the database, in seconds.
ROUND_TRIPS = ((0.0, 0.0), (0.04, 0.0), (0.04, 0.002))
_FILES, _DATABASE = "files", "PostgreSQL"


class CountingServer(PostgresServer):
    """Counts the exchanges with the database, each of which takes `round_trip` seconds more."""

    exchanges = 0
    round_trip = 0.0

    def connect(self) -> BoundedConnection:
        made, server = super().connect(), self

        class Cursor(ClientCursor[Any]):
            def execute(self, *arguments: Any, **options: Any) -> Self:
                server.exchanges += 1
                time.sleep(server.round_trip)
                return super().execute(*arguments, **options)

        made.cursor_factory = Cursor
        return made


def rows(times: int = 15) -> Iterator[Row]:
    with registry_host() as (host, folder), postgres() as server:
        counted = CountingServer(server.url)
        for seconds, counted.round_trip in ROUND_TRIPS:
            yield from _compared(host, folder, seconds, counted, times)
        counted.close()


def _compared(
    host: str, folder: Path, seconds: float, server: CountingServer, times: int
) -> Iterator[Row]:
    with ExitStack() as stack:
        # Without a delay, no proxy is needed.
        place = stack.enter_context(counting(host, seconds))[0] if seconds else host
        engines = {}
        for name in (_FILES, _DATABASE):
            repository = f"bench/{name.lower()}-{seconds * 1000:.0f}-{server.round_trip * 1000:.0f}"
            for number in range(times + 1):
                content = image(f"{name} {seconds} {number}".encode())
                raw.push(host, repository, content, f"v1.{number}.0-dev")
            registry = stack.enter_context(opened(place, repository))
            at = folder / repository.replace("/", "-")
            engine = stack.enter_context(engine_on(registry, at))
            tables = server if name == _DATABASE else None
            engines[name] = _with_state(engine, at, repository, tables)
        server.exchanges = 0
        taken = medians({name: partial(_promote, each) for name, each in engines.items()}, times)
    places = ("the registry", seconds), ("the database", server.round_trip)
    away = " and ".join(f"{each * 1000:.0f} ms to {place}" for place, each in places)
    yield beside(f"promotion, {away}", taken[_DATABASE], "state in files", taken[_FILES])
    yield Row(f"exchanges with the database, {away}", server.exchanges / (times + 1))


def _with_state(
    engine: Engine, folder: Path, repository: str, server: PostgresServer | None
) -> Engine:
    """The engine of a server, which knows the heads of the ledgers."""
    clock, local = SystemClock(), FileLeases(folder / "leases")
    if server is None:
        heads = SqlHeads(state_database(folder), repository)
        return with_parts(engine, clock=clock, leases=local, heads=heads)

    def open_tables(kind: str, migrations: Sequence[str]) -> PostgresDatabase:
        tables = PostgresDatabase(server, folder.name.replace("-", "_"), kind, migrations)
        tables.migrate()
        return tables

    return with_parts(
        engine,
        clock=clock,
        leases=DatabaseLeases(open_tables("leases", LEASES), local),
        heads=SqlHeads(open_tables("changes", CHANGES), repository),
        claims=SqlEntryClaims(open_tables("entries", ENTRIES), repository, clock),
    )


def _promote(engine: Engine, number: int) -> None:
    assert promote(engine, f"v1.{number}.0", "staging").error is None
