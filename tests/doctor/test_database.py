"""`floe doctor` tries the database of the state."""

from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from tests.builders import image
from tests.doctor.clinic import Examined, examine, prepare
from tests.peers import oci_layout
from tests.peers.loopback import free_port
from tests.peers.postgres import PASSWORD, PostgresProcess
from tests.scenarios.commands import Floe
from tests.store.databases import new_schema


def platform(folder: Path, url: str, schema: str) -> Floe:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    state = f"state: {{url: env:STATE_URL, schema: {schema}}}"
    return prepare(folder, more=state, STATE_URL=url)


@pytest.fixture
def reader(postgres_server: PostgresProcess) -> str:
    """The URL of a role without any rights."""
    role = new_schema()
    postgres_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    return postgres_server.url.replace("floe:", f"{role}:", 1)


def role_of(url: str) -> str:
    return url.removeprefix("postgresql://").partition(":")[0]


def test_new_database_passes_and_stays_empty(
    postgres_server: PostgresProcess, tmp_path: Path
) -> None:
    schema = new_schema()

    examined = examine(platform(tmp_path, postgres_server.url, schema), "--write")

    assert examined.verdict("state", "database") == "passed"
    assert examined.verdict("state", "clock") == "passed"
    assert "does not exist: the first use makes it" in examined.row("state", "rights")["found"]
    found = postgres_server.execute(f"SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'")
    assert found == []
    assert PASSWORD not in examined.finished.out


def test_role_that_may_not_make_the_schema_is_found(
    postgres_server: PostgresProcess, reader: str, tmp_path: Path
) -> None:
    schema = new_schema()

    examined = examine(platform(tmp_path, reader, schema))

    row = examined.row("state", "rights")
    assert examined.failed == [("state", "rights")]
    assert row["advice"] == (
        f'As an administrator: CREATE SCHEMA "{schema}" AUTHORIZATION "{role_of(reader)}"'
    )


def test_role_without_rights_on_tables_is_found(
    postgres_server: PostgresProcess, reader: str, tmp_path: Path
) -> None:
    schema, role = new_schema(), role_of(reader)
    assert platform(tmp_path, postgres_server.url, schema).run("state", "migrate").code == 0

    without = examine(platform(tmp_path, reader, schema))
    postgres_server.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    without_tables = examine(platform(tmp_path, reader, schema))
    grant = without_tables.row("state", "rights")["advice"].partition(": ")[2]
    postgres_server.execute(grant)
    usable = examine(platform(tmp_path, reader, schema))

    assert "GRANT USAGE" in without.row("state", "rights")["advice"]
    assert "may not read and write" in without_tables.row("state", "rights")["found"]
    assert usable.verdict("state", "rights") == usable.verdict("state", "tables") == "passed"
    assert usable.code == 0


@pytest.mark.parametrize(
    ("version", "minimum", "verdict", "advice"),
    [
        (1, 1, "warning", "Or run floe state migrate now"),
        (99, 99, "failed", "Start that version of floe instead"),
    ],
)
def test_schema_of_another_version_is_found(
    version: int,
    minimum: int,
    verdict: str,
    advice: str,
    postgres_server: PostgresProcess,
    tmp_path: Path,
) -> None:
    schema = new_schema()
    floe = platform(tmp_path, postgres_server.url, schema)
    floe.run("state", "migrate")
    change = f"SET version = {version}, minimum = {minimum} WHERE kind = 'changes'"
    postgres_server.execute(f"UPDATE {schema}.floe_schema {change}")

    row = examine(floe).row("state", "tables")

    assert row["verdict"] == verdict
    assert "changes" in row["found"]
    assert row["advice"] == advice


def test_old_schema_that_the_role_may_not_migrate_is_found(
    postgres_server: PostgresProcess, reader: str, tmp_path: Path
) -> None:
    schema, role = new_schema(), role_of(reader)
    platform(tmp_path, postgres_server.url, schema).run("state", "migrate")
    postgres_server.execute(f"UPDATE {schema}.floe_schema SET version = 1 WHERE kind = 'changes'")
    postgres_server.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    postgres_server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")

    examined: Examined = examine(platform(tmp_path, reader, schema))

    assert examined.failed == [("state", "tables")]
    assert "floe state migrate" in examined.row("state", "tables")["advice"]


def test_database_that_is_down_is_found(tmp_path: Path) -> None:
    url = f"postgresql://floe@127.0.0.1:{free_port()}/floe"

    examined = examine(platform(tmp_path, url, "floe"))

    assert examined.failed == [("state", "database")]
    assert examined.row("state", "database")["advice"] == "Start it, or correct state.url"
    assert examined.code == 5
