"""Tries the state: a database with its rights and tables, or a directory."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.bootstrap.state import WAIT_SECONDS, server_of, table_kinds
from engine.config import Config
from engine.doctor.clock import clock_difference
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.errors import StoreUnavailableError
from engine.runtime.database import Rows, Values

Migrations = Mapping[str, Sequence[str]]

_CHART = Chart("state")
_OLDEST = 14
_OPENING = "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = 2000"
_SERVER = """
SELECT CAST(current_setting('server_version_num') AS integer), current_user, pg_is_in_recovery()
"""
_SCHEMA = """
SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = ?
"""
_TABLES = """
SELECT relname, has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
    AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE nspname = ? AND relkind = 'r' ORDER BY relname
"""


def state_system(config: Config, others: Migrations) -> System:
    """The state of `config`; `others` are tables of interfaces, with their migrations."""
    if config.state_url is None:
        return System(_CHART.system, lambda: _directory(config.state_dir))
    return System(_CHART.system, lambda: _database(config, others))


def _directory(folder: Path) -> Tries:
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
        yield _CHART.passed("directory", f"{folder} can be written; state.url is not set")
    else:
        yield _CHART.failed(
            "directory",
            f"{nearest} cannot be written by this user",
            "Correct its rights, or name another directory in state.dir",
            StoreUnavailableError,
        )


def _database(config: Config, others: Migrations) -> Tries:
    if config.state_url is None:
        return
    try:
        # The variable may not be set.
        server = server_of(config.state_url.get_secret_value(), WAIT_SECONDS)
        before = time.time()
        ahead = server.now() - (before + time.time()) / 2
        examined = _Database(server, config.state_schema)
        yield from examined.server_tries()
        yield clock_difference(_CHART, ahead, "the database")
        yield from examined.rights(table_kinds(others))
    except StoreUnavailableError as error:
        yield _CHART.error("database", error)
    if config.state_listen_url is not None:
        yield _listening(config.state_listen_url.get_secret_value())


def _listening(url: str) -> Diagnosis:
    try:
        server_of(url, WAIT_SECONDS).now()
    except StoreUnavailableError as error:
        return _CHART.error("state.listen_url", error)
    return _CHART.passed("state.listen_url", "the database answers there too")


@dataclass
class _Database:
    """Reads facts of `schema` from the database, and judges them."""

    server: Any
    schema: str
    role: str = ""

    def server_tries(self) -> Tries:
        version, self.role, standby = self._rows(_SERVER).fetchone()
        number = f"PostgreSQL {version // 10000}.{version % 10000}"
        found = f"{self.server.address}: {number}, as '{self.role}'"
        if version // 10000 < _OLDEST:
            advice = f"Upgrade to PostgreSQL {_OLDEST} or later"
            yield _CHART.failed("database", f"{found}, which is too old", advice)
        else:
            yield _CHART.passed("database", found)
        if standby:
            yield _CHART.failed(
                "primary",
                "the database is a standby, which cannot be written",
                "Add target_session_attrs=read-write to state.url",
                StoreUnavailableError,
            )

    def rights(self, kinds: Migrations) -> Tries:
        row = self._rows(_SCHEMA, [self.schema]).fetchone()
        if row is None:
            yield self._new_schema()
            return
        may_use, may_create = row
        if not may_use:
            yield _CHART.failed(
                "rights",
                f"'{self.role}' may not use the schema {self.schema}",
                f'As its owner: GRANT USAGE, CREATE ON SCHEMA "{self.schema}" TO "{self.role}"',
            )
            return
        tables = dict(self._rows(_TABLES, [self.schema]).fetchall())
        if closed := [name for name, usable in tables.items() if not usable]:
            yield _CHART.failed(
                "rights",
                f"'{self.role}' may not read and write {len(closed)} tables of {self.schema}",
                f"As their owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "
                f'"{self.schema}" TO "{self.role}"',
            )
            return
        yield _CHART.passed("rights", f"'{self.role}' may use the tables of {self.schema}")
        yield self._versions(kinds, has_tables="floe_schema" in tables, may_create=may_create)

    def _new_schema(self) -> Diagnosis:
        may = self._rows("SELECT has_database_privilege(current_database(), 'CREATE')").fetchone()
        if may[0]:
            found = f"the schema {self.schema} does not exist: the first use makes it"
            return _CHART.passed("rights", found)
        return _CHART.failed(
            "rights",
            f"the schema {self.schema} does not exist, and '{self.role}' may not create it",
            f'As an administrator: CREATE SCHEMA "{self.schema}" AUTHORIZATION "{self.role}"',
        )

    def _versions(self, kinds: Migrations, *, has_tables: bool, may_create: bool) -> Diagnosis:
        name, found = "tables", {}
        if has_tables:
            rows = self._rows("SELECT kind, version, minimum FROM floe_schema")
            found = {kind: (version, minimum) for kind, version, minimum in rows.fetchall()}
        newer = [k for k, (_, least) in found.items() if k in kinds and least > len(kinds[k])]
        if newer:
            return _CHART.failed(
                name,
                f"a newer floe migrated {', '.join(newer)}",
                "Start that version of floe instead",
                StoreUnavailableError,
            )
        older = [k for k, scripts in kinds.items() if found.get(k, (0, 0))[0] < len(scripts)]
        if not older:
            return _CHART.passed(name, f"all {len(kinds)} kinds have the version of this floe")
        which = f"{', '.join(older)} are missing or older than this floe"
        if may_create:
            return _CHART.warning(
                name, f"{which}: the first use migrates them", "Or run floe state migrate now"
            )
        return _CHART.failed(
            name,
            f"{which}, and '{self.role}' may not migrate them",
            "As their owner, run floe state migrate",
            StoreUnavailableError,
        )

    def _rows(self, statement: str, values: Values = ()) -> Any:
        opening = f'{_OPENING}; SET LOCAL search_path = "{self.schema}", pg_temp;'
        with self.server.statements(opening) as db:
            rows: Rows = db.execute(statement, values)
            return rows
