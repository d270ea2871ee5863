"""`floe state migrate` makes the tables before the first server starts."""

from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from tests.manifests import manifest
from tests.peers.postgres import PostgresProcess
from tests.scenarios.commands import Floe
from tests.store.databases import new_schema


def test_tables_are_made_once(tmp_path: Path, postgres_server: PostgresProcess) -> None:
    schema = new_schema()
    state = f"state: {{url: env:FLOE_STATE_URL, schema: {schema}}}"
    (tmp_path / "manifest.yaml").write_text(manifest(interfaces=state))
    floe = Floe(tmp_path, {"FLOE_STATE_URL": postgres_server.url})

    made = floe.run("state", "migrate")
    again = floe.run("state", "migrate", "--output", "json")

    assert made.code == 0
    assert "changes: version 2" in made.out.splitlines()
    assert again.document["versions"].keys() == {
        "bot",
        "changes",
        "leases",
        "outbox",
        "records",
        "secrets",
    }
    tables = postgres_server.execute(f"SELECT count(*) FROM {schema}.floe_schema")
    assert tables == [(6,)]
    assert not (tmp_path / ".floe").exists()


@pytest.mark.parametrize(
    ("state", "code", "problem"),
    [
        ("", 2, "state.url is not set: files are migrated when they are opened"),
        ("state: {url: env:FLOE_STATE_URL}", 2, "FLOE_STATE_URL is not set"),
        ("state: {url: 'postgresql://floe@127.0.0.1:9/floe'}", 5, "cannot be reached"),
    ],
)
def test_database_that_cannot_be_migrated_is_named(
    tmp_path: Path, state: str, code: int, problem: str
) -> None:
    (tmp_path / "manifest.yaml").write_text(manifest(interfaces=state))

    refused = Floe(tmp_path).run("state", "migrate")

    assert refused.code == code
    assert problem in refused.err
