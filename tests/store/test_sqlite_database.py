"""Every SQLite file of floe: owner, version, migrations and the messages for unusable files."""

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.database import MIGRATIONS as BOT
from bot.database import BotStore, bot_database
from engine.adapters.audit.database import SqliteAudit
from engine.adapters.store import SqlStore, state_database
from engine.adapters.store.migrations import MIGRATIONS
from engine.adapters.store.record_tables import MIGRATIONS as RECORDS
from engine.adapters.store.record_tables import records_database
from engine.adapters.store.records import SqlRecords
from engine.adapters.webhooks.outbox import MIGRATIONS as OUTBOX
from engine.adapters.webhooks.outbox import SqlOutbox, outbox_database
from engine.domain.errors import PromotionError
from engine.runtime.sqlite_file import UnsuitableDatabaseError, open_database
from tests.store.stores import HandClock

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
OURS = 0x11223344
FIRST = "CREATE TABLE items (name TEXT);\nINSERT INTO items VALUES ('one');"
SECOND = "ALTER TABLE items ADD COLUMN size INTEGER;"


def use_store(folder: Path) -> Path:
    with closing(SqlStore(state_database(folder), HandClock())) as store:
        store.add_events("c-1", [("submitted", {})])
        store.open()
    return folder / "store.db"


def use_records(folder: Path) -> Path:
    with closing(SqlRecords(records_database(folder))) as records:
        records.forget("prod")
        records.count()
    return folder / "records.db"


def use_outbox(folder: Path) -> Path:
    SqlOutbox(outbox_database(folder)).waiting()
    return folder / "outbox.db"


def use_audit(folder: Path) -> Path:
    audit = SqliteAudit(folder / "audit.db")
    with audit._database.write():
        pass
    audit.query_history("prod", 1)
    return folder / "audit.db"


def use_bot(folder: Path) -> Path:
    with closing(BotStore(bot_database(folder))) as store:
        store.write_fact("a", "b")
    return folder / "bot.db"


Use = Callable[[Path], Path]
FIRST_TABLES = {
    use_store: MIGRATIONS[0],
    use_records: RECORDS[0],
    use_outbox: OUTBOX[0],
    use_bot: BOT[0],
}
ALL = pytest.mark.parametrize("use", [use_store, use_records, use_outbox, use_audit, use_bot])


def refusal(use: Use, folder: Path) -> str:
    with pytest.raises(PromotionError) as refused:
        use(folder)
    assert refused.value.exit_code == 5
    assert "\n" not in str(refused.value)
    return str(refused.value)


def settings(path: Path, *names: str) -> list[object]:
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]


@ALL
def test_a_new_file_is_marked_private_and_survives_reopening(tmp_path: Path, use: Use) -> None:
    path = use(tmp_path)
    use(tmp_path)

    application, version, mode = settings(path, "application_id", "user_version", "journal_mode")
    assert application
    assert version
    assert mode == "wal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@ALL
def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path, use: Use) -> None:
    path = use(tmp_path / "name")
    path = tmp_path / path.name
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()

    said = refusal(use, tmp_path)

    assert f" {path} is the database of another program: " in said
    assert path.read_bytes() == before


@ALL
def test_a_file_of_a_newer_floe_is_refused_and_left_alone(tmp_path: Path, use: Use) -> None:
    path = use(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
    before = path.read_bytes()

    said = refusal(use, tmp_path)

    assert f" {path} was written by a newer floe (schema 999; this one knows " in said
    assert path.read_bytes() == before


@ALL
@pytest.mark.parametrize("content", [b"no database " * 500, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, use: Use, content: bytes) -> None:
    path = use(tmp_path)
    path.write_bytes(content)

    said = refusal(use, tmp_path)

    assert f" {path} is damaged or not a SQLite database: " in said
    assert path.read_bytes() == content


@ALL
def test_a_directory_in_the_place_of_the_file_is_named(tmp_path: Path, use: Use) -> None:
    path = tmp_path / use(tmp_path / "name").name
    path.mkdir()

    assert f" {path} is a directory: move it away" in refusal(use, tmp_path)


@ALL
def test_a_file_from_before_versions_were_numbered_keeps_its_rows(tmp_path: Path, use: Use) -> None:
    path = use(tmp_path)
    if use in FIRST_TABLES:
        # Its later migrations are not part of such a file.
        with closing(sqlite3.connect(path)) as db:
            application = db.execute("PRAGMA application_id").fetchone()[0]
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.executescript(FIRST_TABLES[use])
            db.execute(f"PRAGMA application_id = {application}")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")
        if use is use_bot:
            db.execute("PRAGMA application_id = 0")
        db.execute("CREATE TABLE kept (a)")

    use(tmp_path)

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM kept").fetchone() == (0,)


MESSAGE = """
import os, sys
from pathlib import Path
from engine.domain.errors import PromotionError
from tests.store import test_sqlite_database

os.setgid(65534)
os.setuid(65534)
try:
    getattr(test_sqlite_database, sys.argv[1])(Path(sys.argv[2]))
except PromotionError as error:
    print(error)
"""


@ALL
def test_a_file_this_user_may_not_write_is_refused_in_one_sentence(public: Path, use: Use) -> None:
    path = use(public)
    path.chmod(0o644)
    public.chmod(0o555)

    argv = [sys.executable, "-c", MESSAGE, use.__name__, str(public)]
    said = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert said.stderr == ""
    assert f" {path} cannot be " in said.stdout
    assert said.stdout.count("\n") == 1


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_gets_the_migrations_it_lacks(tmp_path: Path, version: int) -> None:
    path = tmp_path / "items.db"
    opened(path, FIRST).close()

    with closing(opened(path, FIRST, *[SECOND][: version - 1])) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(items)")]

        assert columns == ["name", "size"][:version]
        assert db.execute("SELECT count(*) FROM items").fetchone() == (1,)
    assert settings(path, "user_version", "application_id") == [version, OURS]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "items.db"
    opened(path, FIRST).close()

    with pytest.raises(sqlite3.OperationalError, match="items already exists"):
        opened(path, FIRST, SECOND, "CREATE TABLE half (a);\nCREATE TABLE items (a);")

    with closing(opened(path, FIRST)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("items",)]


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from engine.runtime.sqlite_file import open_database
from tests.store.test_sqlite_database import FIRST, OURS, SECOND

fatal = "INSERT INTO items SELECT fatal(), 2;"
connect = sqlite3.connect

def deadly(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.create_function("fatal", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    return connection

sqlite3.connect = deadly
open_database(Path(sys.argv[1]), OURS, (FIRST, SECOND, fatal), wait_seconds=5)
"""


@pytest.mark.parametrize("there", [True, False])
def test_a_kill_inside_a_migration_undoes_it(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "items.db"
    if there:
        opened(path, FIRST).close()

    killed = subprocess.run([sys.executable, "-c", KILLED, path], cwd=REPOSITORY)

    assert killed.returncode == -signal.SIGKILL
    assert settings(path, "user_version", "application_id") == ([1, OURS] if there else [0, 0])
    with closing(opened(path, FIRST, SECOND)) as db:
        assert db.execute("SELECT name, size FROM items").fetchall() == [("one", None)]


def test_another_application_id_is_another_program(tmp_path: Path) -> None:
    opened(tmp_path / "items.db", FIRST).close()

    with pytest.raises(UnsuitableDatabaseError, match="of another program"):
        open_database(tmp_path / "items.db", OURS + 1, (FIRST,), wait_seconds=1)


def opened(path: Path, *migrations: str) -> sqlite3.Connection:
    return open_database(path, OURS, migrations, wait_seconds=5)
