"""Opens the databases of the state: files of the state directory, or a schema of PostgreSQL."""

import atexit
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from engine.adapters.store import state_database
from engine.adapters.store.migrations import MIGRATIONS
from engine.config import ServerConfig
from engine.domain.errors import ConfigError
from engine.runtime.database import Database
from engine.runtime.wakeups import NO_WAKEUPS, Wakeups

# Files whose content would be ignored, and not the copies and caches beside them.
_FILES = ("store.db", "bot.db", "outbox.db")
_SECRETS = "CREATE TABLE secrets (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);"
_SECRET_BYTES = 32
# People get an answer within three seconds, also the one that nothing was done.
WAIT_SECONDS = 2.0


def open_database(
    config: ServerConfig,
    kind: str,
    migrations: Sequence[str],
    file: Callable[[], Database],
    wait_seconds: float = WAIT_SECONDS,
) -> Database:
    """
    Return the tables of `kind`, which open at their first use: in PostgreSQL where `state.url` is
    set, whose answers are awaited for `wait_seconds`, and otherwise in `file`.

    ConfigError if the state directory has state of its own beside `state.url`, or psycopg is not
    installed.
    """
    return shared_tables(config, kind, migrations, wait_seconds) or file()


def changes_database(config: ServerConfig, kept: int = 8) -> Database:
    """The tables of changes, heads, refusal counts and outcomes of secondaries."""
    return open_database(
        config, "changes", MIGRATIONS, lambda: state_database(config.state_dir, kept=kept)
    )


def records_copy(config: ServerConfig) -> Database:
    """The tables of the copy of the ledgers."""
    tables = import_module("engine.adapters.store.record_tables")
    return open_database(
        config, "records", tables.MIGRATIONS, lambda: tables.records_database(config.state_dir)
    )


def outbox_tables(config: ServerConfig) -> Database:
    """The tables of the webhook outbox."""
    webhooks = import_module("engine.adapters.webhooks")
    return open_database(
        config, "outbox", webhooks.MIGRATIONS, lambda: webhooks.outbox_database(config.state_dir)
    )


def shared_tables(
    config: ServerConfig, kind: str, migrations: Sequence[str], wait_seconds: float = WAIT_SECONDS
) -> Database | None:
    """Return the tables of `kind` in PostgreSQL; None without `state.url`."""
    if config.state_url is None:
        return None
    for name in _FILES:
        if (config.state_dir / name).exists():
            raise ConfigError(
                f"state.url is set, and {config.state_dir / name} has state too: let the changes "
                "in it end and move the file away, or remove state.url"
            )
    url = config.state_url.get_secret_value()
    server = server_of(url, wait_seconds)
    return _tables(server, config.state_schema, kind, tuple(migrations))


def wakeups_of(config: ServerConfig) -> Wakeups:
    """Return the deliverer of announcements in the database; files are polled instead."""
    if config.state_url is None:
        return NO_WAKEUPS
    url = direct = config.state_url
    # Commands do not listen, so they need no such variable.
    if config.state_listen_url is not None and not config.unset("state.listen_url"):
        direct = config.state_listen_url
    return _listener(url.get_secret_value(), direct.get_secret_value(), config.state_schema)


def migrate_state(config: ServerConfig, others: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """
    Make or migrate all tables in PostgreSQL, also those of `others`; return their versions by kind.

    ConfigError without `state.url`, StoreUnavailableError if a newer floe migrated them too far.
    """
    if config.state_url is None:
        raise ConfigError("state.url is not set: files are migrated when they are opened")
    tables: dict[str, Any] = {
        kind: shared_tables(config, kind, migrations)
        for kind, migrations in table_kinds(others).items()
    }
    return {kind: each.migrate() for kind, each in sorted(tables.items())}


def table_kinds(others: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the migrations of all tables in PostgreSQL, also those of `others`, by kind."""
    return {
        "changes": MIGRATIONS,
        "entries": import_module("engine.adapters.store.entry_claims").MIGRATIONS,
        "leases": import_module("engine.adapters.state.database_leases").MIGRATIONS,
        "outbox": import_module("engine.adapters.webhooks").MIGRATIONS,
        "records": import_module("engine.adapters.store.record_tables").MIGRATIONS,
        "secrets": (_SECRETS,),
        "sessions": import_module("engine.adapters.store.ended_sessions").MIGRATIONS,
        **others,
    }


def shared_secret(config: ServerConfig, name: str) -> bytes | None:
    """Return the secret that all servers share, made by the first; None without `state.url`."""
    database = shared_tables(config, "secrets", (_SECRETS,))
    if database is None:
        return None
    with database.write() as db:
        db.execute(
            "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
            [name, secrets.token_bytes(_SECRET_BYTES)],
        )
        found: bytes = db.execute("SELECT value FROM secrets WHERE name = ?", [name]).fetchone()[0]
    return found


@cache
def _tables(server: Any, schema: str, kind: str, migrations: tuple[str, ...]) -> Database:
    tables: Database = import_module("engine.runtime.postgres_database").PostgresDatabase(
        server, schema, kind, migrations
    )
    return tables


@cache
def _listener(url: str, direct: str, schema: str) -> Wakeups:
    server, listened = server_of(url, WAIT_SECONDS), server_of(direct, WAIT_SECONDS)
    listener: Wakeups = import_module("engine.runtime.postgres_listener").PostgresListener(
        server, listened, schema
    )
    return listener


@cache
def server_of(url: str, wait_seconds: float) -> Any:
    """Return the connections to the server, shared by all parts of the process until it ends."""
    try:
        # An extra, and slow to import.
        connection = import_module("engine.runtime.postgres_connection")
    except ImportError as error:
        raise ConfigError("state.url needs psycopg: pip install 'floe[postgres]'") from error
    server = connection.PostgresServer(url, wait_seconds=wait_seconds)
    atexit.register(server.close)
    return server
