"""The tables of the copy of the ledgers."""

from pathlib import Path

from engine.adapters.store.migrations import APPLICATION_ID
from engine.runtime.sqlite_database import SqliteDatabase

FILE_NAME = "records.db"

_FIRST = """
CREATE TABLE records (
    environment TEXT NOT NULL, sequence INTEGER NOT NULL, digest TEXT NOT NULL, id TEXT NOT NULL,
    at INTEGER NOT NULL, kind TEXT NOT NULL, version TEXT, subject TEXT, brings INTEGER NOT NULL,
    operator TEXT NOT NULL, operator_id TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (environment, sequence)
) WITHOUT ROWID;
CREATE INDEX records_at ON records (at, environment, sequence);
CREATE INDEX records_environment ON records (environment, at, sequence);
CREATE INDEX records_kind ON records (kind, at, environment, sequence);
CREATE INDEX records_version ON records (version, at, environment, sequence);
CREATE INDEX records_operator ON records (operator, at, environment, sequence);
CREATE INDEX records_operator_id ON records (operator_id, at, environment, sequence);
CREATE INDEX records_id ON records (id);
CREATE INDEX records_brings ON records (environment, sequence, at) WHERE brings = 1;
CREATE INDEX records_places ON records (version, environment, brings) WHERE brings = 1;
CREATE INDEX records_counted ON records (environment, kind);
CREATE TABLE covered (
    environment TEXT PRIMARY KEY NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    digest TEXT NOT NULL, before TEXT
);
CREATE TABLE seen (
    environment TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, latest TEXT,
    lock TEXT
);
"""
# The columns of operators hold canonical names; records are read from the ledgers again.
_CANONICAL = """
DELETE FROM records;
DELETE FROM covered;
"""
_PORTABLE = """
DROP INDEX records_brings;
DROP INDEX records_places;
CREATE INDEX records_brings ON records (environment, sequence, at) WHERE brings = 1;
CREATE INDEX records_places ON records (version, environment, brings) WHERE brings = 1;
"""
# An earlier version adds no product: it knows only the one without a name.
_PRODUCTS = """
ALTER TABLE records ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE covered ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE seen ADD COLUMN product TEXT NOT NULL DEFAULT '';
CREATE INDEX product_records ON records (product, at, environment, sequence);
CREATE INDEX product_environment ON records (product, environment, at, sequence);
CREATE INDEX product_kind ON records (product, kind, at, environment, sequence);
CREATE INDEX product_version ON records (product, version, at, environment, sequence);
CREATE INDEX product_operator ON records (product, operator, at, environment, sequence);
CREATE INDEX product_operator_id ON records (product, operator_id, at, environment, sequence);
CREATE INDEX product_places ON records (product, version, environment, brings)
    WHERE brings = 1;
CREATE INDEX product_counted ON records (product, environment, kind);
CREATE INDEX product_id ON records (id, product);
CREATE INDEX product_covered ON covered (product);
CREATE INDEX product_seen ON seen (product);
DROP INDEX records_at;
DROP INDEX records_environment;
DROP INDEX records_kind;
DROP INDEX records_version;
DROP INDEX records_operator;
DROP INDEX records_operator_id;
DROP INDEX records_places;
DROP INDEX records_counted;
DROP INDEX records_id;
"""
_ARRIVALS = """
CREATE INDEX records_arrivals ON records (environment, subject, sequence) WHERE brings = 1;
"""
MIGRATIONS = (_FIRST, _CANONICAL, _PORTABLE, _PRODUCTS, _ARRIVALS)


def records_database(directory: Path, wait_seconds: float = 5) -> SqliteDatabase:
    """Return the database `records.db` in `directory`, which opens at its first use."""
    return SqliteDatabase(
        directory / FILE_NAME,
        "the store",
        APPLICATION_ID,
        MIGRATIONS,
        "stop its users and move it away: it is a copy of the ledgers, which floe reads again",
        wait_seconds=wait_seconds,
    )
