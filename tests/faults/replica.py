"""
An engine of one machine among several that share a PostgreSQL database.

As a process it runs one request for each line of its input, and prints the outcome.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.state import FileLeases
from engine.adapters.state.database_leases import MIGRATIONS as LEASES
from engine.adapters.state.database_leases import DatabaseLeases
from engine.adapters.store import SqlHeads
from engine.adapters.store.entry_claims import MIGRATIONS as ENTRIES
from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.adapters.store.migrations import MIGRATIONS as CHANGES
from engine.api import Engine
from engine.domain.errors import PromotionError
from engine.domain.overrides import Overrides
from engine.runtime.postgres_connection import PostgresServer
from engine.runtime.postgres_database import PostgresDatabase
from tests.scenarios.engines import engine_on, promote, with_parts
from tests.scenarios.verbs import lock

# Long enough that a machine under load renews its lease in time.
LEASE_SECONDS = 2.0
ANY_ORDER = Overrides(allow_older=True, reason="promoted side by side")


class UtcClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@contextmanager
def replica(
    host: str, repository: str, folder: Path, url: str, schema: str, wait_seconds: float = 60
) -> Iterator[Engine]:
    """Start an engine without any memory on the machine with the directory `folder`."""
    registry = open_registry(
        host, repository, credentials=anonymous, scheme="http", timeout_seconds=60
    )
    server = PostgresServer(url, wait_seconds=30)
    tables = {
        kind: PostgresDatabase(server, schema, kind, migrations)
        for kind, migrations in (("leases", LEASES), ("entries", ENTRIES), ("changes", CHANGES))
    }
    local = FileLeases(folder / "leases", wait_seconds)
    # All machines reach the same registry, some of them through a proxy.
    parts = {
        "leases": DatabaseLeases(tables["leases"], local, wait_seconds, LEASE_SECONDS),
        "claims": SqlEntryClaims(tables["entries"], repository, UtcClock()),
        "heads": SqlHeads(tables["changes"], repository),
    }
    try:
        with engine_on(registry, folder, clock=UtcClock()) as engine:
            yield with_parts(engine, **parts)
    finally:
        registry.close()
        server.close()


def run(engine: Engine, verb: str, *arguments: str) -> str:
    """Run the request, and return the reason code of its error; `done` without one."""
    try:
        if verb == "lock":
            error = lock(engine).error
        else:
            error = promote(engine, *arguments, "staging", overrides=ANY_ORDER).error
    except PromotionError as raised:
        error = raised
    if error is None:
        return "done"
    print(error, file=sys.stderr, flush=True)
    return error.reason_code


def main(host: str, repository: str, folder: str, url: str, schema: str) -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        with replica(host, repository, Path(folder), url, schema) as engine:
            print(json.dumps(run(engine, *line.split())), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
