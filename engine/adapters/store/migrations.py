"""The tables of the store and the numbered migrations that lead to them."""

from pathlib import Path

from engine.runtime.sqlite_database import SqliteDatabase

FILE_NAME = "store.db"
# "floe" in ASCII: distinguishes our files from those of other programs.
APPLICATION_ID = 0x666C6F65

_FIRST = """
CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    open INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX changes_open ON changes (open) WHERE open = 1;
CREATE UNIQUE INDEX changes_open_once ON changes (action, version, target) WHERE open = 1;

CREATE TABLE keys (
    key TEXT PRIMARY KEY NOT NULL,
    change_id TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX keys_at ON keys (at);

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    change_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX events_at ON events (at);

CREATE TABLE claims (
    target TEXT PRIMARY KEY NOT NULL,
    turn INTEGER NOT NULL,
    change_id TEXT,
    worker TEXT,
    renewed INTEGER NOT NULL,
    until INTEGER NOT NULL,
    doubted INTEGER
);

CREATE TABLE outputs (
    change_id TEXT NOT NULL,
    gate TEXT NOT NULL,
    at INTEGER NOT NULL,
    output BLOB NOT NULL,
    PRIMARY KEY (change_id, gate)
);
CREATE INDEX outputs_at ON outputs (at);

CREATE TABLE gate_runs (
    number INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    gate TEXT NOT NULL,
    seconds REAL NOT NULL
);
CREATE INDEX gate_runs_newest ON gate_runs (target, gate, number);

CREATE TABLE verifications (
    key TEXT PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    value TEXT NOT NULL
);
CREATE INDEX verifications_at ON verifications (at);

CREATE TABLE heads (
    environment TEXT PRIMARY KEY NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL
);
"""

_STATE = """
DROP TABLE heads;
DROP TABLE IF EXISTS _sqlite_migrations;
CREATE TABLE known_heads (
    repository TEXT NOT NULL,
    environment TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, environment)
);
CREATE TABLE refusal_counts (
    kind TEXT PRIMARY KEY NOT NULL,
    waiting INTEGER NOT NULL,
    recorded_at INTEGER,
    taken_until INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE TABLE sync_outcomes (
    repository TEXT NOT NULL,
    environment TEXT NOT NULL,
    record TEXT NOT NULL,
    outcomes TEXT NOT NULL,
    PRIMARY KEY (repository, environment)
);
"""

_PRODUCTS = """
ALTER TABLE changes ADD COLUMN product TEXT NOT NULL DEFAULT '';
CREATE INDEX changes_product ON changes (product, number);
DROP INDEX changes_open_once;
CREATE UNIQUE INDEX changes_open_once ON changes (product, action, version, target)
    WHERE open = 1;
"""

_DEPLOYMENTS = """
CREATE TABLE deployments (
    product TEXT NOT NULL,
    environment TEXT NOT NULL,
    target TEXT NOT NULL,
    digest TEXT NOT NULL,
    health TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (environment, target)
);
CREATE INDEX deployments_product ON deployments (product);
"""

# Only append: the files of users were made by the released migrations.
MIGRATIONS = (_FIRST, _STATE, _PRODUCTS, _DEPLOYMENTS)
# The hint for a damaged file says which data is lost: the owner may fear for the history.
IF_DAMAGED = (
    "stop its users and move it away: the history is in the registry, changes in flight can be "
    "requested again, and floe reads the heads of the ledgers again"
)


def state_database(directory: Path, wait_seconds: float = 5, kept: int = 8) -> SqliteDatabase:
    """Return the database of the state directory, which opens at its first use."""
    return SqliteDatabase(
        directory / FILE_NAME,
        "the store",
        APPLICATION_ID,
        MIGRATIONS,
        IF_DAMAGED,
        wait_seconds=wait_seconds,
        kept=kept,
    )
