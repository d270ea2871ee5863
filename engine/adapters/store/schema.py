"""The tables of the store and the numbered steps that lead to them."""

from collections.abc import Callable, Mapping

from sqlite_utils import Database, Migrations

# "floe" in ASCII: tells our files from those of other programs.
APPLICATION_ID = 0x666C6F65

_FIRST = f"""
PRAGMA application_id = {APPLICATION_ID};

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

# Steps are only ever added: a released one is in files out there.
STEPS: Mapping[str, str] = {"0001": _FIRST}


class NewerSchemaError(Exception):
    """The file has been through steps that are not known here; they are its arguments."""


def upgrade(db: Database, steps: Mapping[str, str]) -> None:
    """
    Bring the tables to the newest of `steps`; NewerSchemaError when they are beyond it.

    All pending steps are one transaction that excludes other writers, so whoever comes first does
    the work, and a death in the middle leaves the file as it was.
    """
    migrations = Migrations("floe.store")
    for name, sql in steps.items():
        migrations(name=name)(_step(sql))
    if not _pending(migrations, db, steps):
        return
    db.execute("BEGIN IMMEDIATE")
    # Again, inside: somebody may have been faster.
    if _pending(migrations, db, steps):
        migrations.apply(db)
    db.commit()


def _pending(migrations: Migrations, db: Database, steps: Mapping[str, str]) -> bool:
    unknown = {step.name for step in migrations.applied(db)} - steps.keys()
    if unknown:
        raise NewerSchemaError(*sorted(unknown))
    return bool(migrations.pending(db))


def _step(sql: str) -> Callable[[Database], None]:
    def run(db: Database, /) -> None:
        db.executescript(sql)

    return run
