"""`floe state` makes the tables before the first server starts, and fills an empty database."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")

from engine.adapters.store.migrations import MIGRATIONS
from tests.builders import image
from tests.manifests import manifest
from tests.peers import oci_layout
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
    assert f"changes: version {len(MIGRATIONS)}" in made.out.splitlines()
    assert again.document["versions"].keys() == {
        "bot",
        "changes",
        "entries",
        "leases",
        "outbox",
        "records",
        "secrets",
        "sessions",
    }
    tables = postgres_server.execute(f"SELECT count(*) FROM {schema}.floe_schema")
    assert tables == [(8,)]
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


def test_rebuild_names_a_ledger_that_is_older_than_the_database_knows(
    tmp_path: Path, postgres_server: PostgresProcess
) -> None:
    registry, older = tmp_path / "registry", tmp_path / "older"
    for version in ("v1.0.0", "v2.0.0"):
        oci_layout.write(registry, image(version.encode()), f"{version}-dev")
    state = f"state: {{url: env:FLOE_STATE_URL, schema: {new_schema()}}}"
    (tmp_path / "manifest.yaml").write_text(manifest(interfaces=state))
    floe = Floe(tmp_path, {"FLOE_STATE_URL": postgres_server.url})
    floe.promote("v1.0.0", "staging")
    shutil.copytree(registry, older)
    floe.promote("v2.0.0", "staging")

    newest = floe.run("state", "rebuild", "--output", "json")
    shutil.rmtree(registry)
    older.rename(registry)
    rewound = floe.run("state", "rebuild", "--output", "json")

    dev, staging, prod = newest.document["environments"]
    assert newest.code == 0
    assert newest.document["success"]
    assert [each["records"] for each in (dev, staging, prod)] == [0, 2, 0]
    assert (staging["version"], staging["locked"]) == ("v2.0.0", False)
    assert rewound.code == rewound.document["error"]["exit_code"] == 5
    assert (
        "it was shortened or rewritten" in rewound.document["environments"][1]["error"]["message"]
    )


def test_rebuild_keeps_the_copy_of_a_ledger_that_cannot_be_read(
    tmp_path: Path, postgres_server: PostgresProcess
) -> None:
    registry = tmp_path / "registry"
    oci_layout.write(registry, image(b"one"), "v1.0.0-dev")
    state = f"state: {{url: env:FLOE_STATE_URL, schema: {new_schema()}}}"
    (tmp_path / "manifest.yaml").write_text(manifest(interfaces=state))
    floe = Floe(tmp_path, {"FLOE_STATE_URL": postgres_server.url})
    floe.promote("v1.0.0", "staging")
    newest = floe.run("state", "rebuild", "--output", "json")

    oci_layout.lose(registry, "floe-head.staging")
    damaged = floe.run("state", "rebuild", "--output", "json")

    assert newest.document["environments"][1]["records"] == 1
    assert damaged.document["environments"][1]["error"]
    assert damaged.document["environments"][1]["records"] == 1


def test_rebuild_without_its_database_changes_nothing(tmp_path: Path) -> None:
    state = "state: {url: 'postgresql://floe@127.0.0.1:9/floe'}"
    (tmp_path / "manifest.yaml").write_text(manifest(interfaces=state))

    refused = Floe(tmp_path).run("state", "rebuild", "--output", "json")

    assert refused.code == 5
    assert "cannot be reached" in refused.document["error"]["message"]
