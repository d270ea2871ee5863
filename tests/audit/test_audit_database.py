"""The database audit backend: append-only rows, and files that cannot be used."""

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.audit import open_backend
from engine.adapters.audit.database import SqliteAudit
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.ports.audit_backend import AuditSettings
from tests.audit.audit_kit import at_minute
from tests.domain.records import a_promotion

pytestmark = pytest.mark.requirement("FR-025c")


@pytest.mark.requirement("FR-026")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET operator = 'mallory'",
        "DELETE FROM records",
        "INSERT OR REPLACE INTO records SELECT number, id, kind, environment, at, 'm', content"
        " FROM records",
        "INSERT OR REPLACE INTO records SELECT number, 'x', kind, environment, at, 'm', content"
        " FROM records",
        "INSERT INTO records SELECT * FROM records WHERE true"
        " ON CONFLICT DO UPDATE SET operator = 'mallory'",
    ],
)
def test_sql_statements_cannot_change_a_record(tmp_path: Path, statement: str) -> None:
    backend = SqliteAudit(tmp_path / "audit.db")
    backend.append(a_promotion())

    with (
        closing(sqlite3.connect(tmp_path / "audit.db")) as db,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        db.execute(statement)

    assert backend.query_history("prod", 10) == [a_promotion()]


@pytest.mark.parametrize("url", ["sqlite:///kept/audit.db", "sqlite:////{folder}/kept/audit.db"])
def test_a_url_is_relative_to_the_manifest_or_absolute(tmp_path: Path, url: str) -> None:
    settings = AuditSettings(tmp_path, url=url.format(folder=str(tmp_path).lstrip("/")))

    open_backend("database", settings).append(a_promotion())

    assert SqliteAudit(tmp_path / "kept/audit.db").query_history("prod", 1) == [a_promotion()]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "postgresql://floe:hunter2@db/floe"}, "supports only SQLite"),
        ({"url": "sqlite://audit.db"}, "must be sqlite:///FILE"),
        ({"url": "sqlite:///audit.db?mode=memory"}, "must be sqlite:///FILE"),
        ({"options": {"pool": 3}}, "the database backend has no options. Remove pool"),
        ({}, "supports only SQLite"),
    ],
)
def test_other_databases_are_rejected_with_a_hint(
    tmp_path: Path, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_backend("database", AuditSettings(tmp_path, **settings))

    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_database_of_another_program_is_not_changed(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()
    before = (tmp_path / "theirs.db").read_bytes()

    with pytest.raises(AuditUnavailableError, match="is the database of another program"):
        SqliteAudit(tmp_path / "theirs.db").append(a_promotion())

    assert (tmp_path / "theirs.db").read_bytes() == before


def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "audit.db").write_bytes(b"once upon a time " * 300)

    with pytest.raises(AuditUnavailableError, match="not a SQLite database"):
        SqliteAudit(tmp_path / "audit.db").append(a_promotion())


def test_a_directory_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file in the way")

    with pytest.raises(AuditUnavailableError, match="kept/audit.db cannot be opened"):
        SqliteAudit(tmp_path / "kept" / "audit.db").append(a_promotion())


def test_waiting_for_a_locked_database_times_out(tmp_path: Path) -> None:
    backend = SqliteAudit(tmp_path / "audit.db", wait_seconds=0.2)
    backend.append(a_promotion())

    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(AuditUnavailableError, match="is being written by others"):
            backend.append(at_minute(1))


def test_a_full_disk_stops_the_write_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    SqliteAudit(path).append(a_promotion())
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from engine.adapters.audit.database import SqliteAudit\n"
        "from engine.domain.errors import AuditUnavailableError\n"
        "from tests.audit.audit_kit import at_minute\n"
        "try:\n"
        "    SqliteAudit(Path(sys.argv[1])).append(at_minute(1, warnings=('x' * 100_000,)))\n"
        "except AuditUnavailableError as error:\n"
        "    print(error)\n"
    )
    size = path.stat().st_size

    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert f"the audit database {path} " in done.stdout, done.stderr
    assert SqliteAudit(path).query_history("prod", 10) == [a_promotion()]


def test_reading_history_does_not_create_the_file(tmp_path: Path) -> None:
    assert SqliteAudit(tmp_path / "audit.db").query_history("prod", 10) == []

    assert list(tmp_path.iterdir()) == []


def test_an_altered_row_is_reported(tmp_path: Path) -> None:
    SqliteAudit(tmp_path / "audit.db").append(a_promotion())
    with closing(sqlite3.connect(tmp_path / "audit.db")) as db:
        db.execute("DROP TRIGGER records_stay")
        db.execute("UPDATE records SET content = '{}'")
        db.commit()

    with pytest.raises(
        AuditUnavailableError, match="has a record that this version of floe cannot read"
    ):
        SqliteAudit(tmp_path / "audit.db").query_history("prod", 10)
