"""Time limits of audit backends: a slow history is read completely, a hanging one times out."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.audit.bounded import BoundedBackend
from engine.adapters.audit.database import SqliteAudit
from engine.audit.backend_verifier import read_copies
from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord
from engine.ports.audit_backend import AuditBackendPlugin
from tests.audit.audit_kit import at_minute

pytestmark = pytest.mark.requirement("FR-025")
BOUND, GAP = 3.0, 0.6


class Slow(AuditBackendPlugin):
    """Pauses before each record, and hangs before the record number `hangs`."""

    def __init__(self, count: int, hangs: int | None = None) -> None:
        self.kept: list[AnyRecord] = [at_minute(minute) for minute in range(count)]
        self.hangs = hangs
        self.given = 0
        self.end = threading.Event()

    def append(self, record: AnyRecord) -> None:
        self.kept.append(record)

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return list(self.records(environment))[:limit]

    def records(self, environment: str) -> Iterator[AnyRecord]:
        for number, record in enumerate(self.kept):
            self.given = number
            self.end.wait(60 if number == self.hangs else GAP)
            yield record


class Old(Slow):
    """Has no `records` of its own, only the whole history."""

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return list(Slow.records(self, environment))[:limit]

    def records(self, environment: str) -> Iterator[AnyRecord]:
        return AuditBackendPlugin.records(self, environment)


def test_a_slow_history_with_progress_is_read_completely() -> None:
    slow = Slow(8)
    started = time.monotonic()

    found = list(BoundedBackend(slow, "slow", BOUND).records("prod"))

    assert found == slow.kept
    assert time.monotonic() - started > BOUND


def test_a_history_that_hangs_times_out() -> None:
    slow = Slow(8, hangs=2)

    with pytest.raises(AuditUnavailableError) as caught:
        read_copies(BoundedBackend(slow, "slow", 1.0), "prod")
    slow.end.set()

    assert str(caught.value) == (
        "audit backend slow did not read the next record of prod within 1 seconds. Check "
        "the backend and run the command again"
    )


def test_a_backend_without_records_has_one_timeout_for_its_history() -> None:
    old = Old(4, hangs=3)

    with pytest.raises(AuditUnavailableError, match="did not read the next record of prod"):
        list(BoundedBackend(old, "old", 1.0).records("prod"))
    old.end.set()


def test_closing_the_generator_ends_the_reading_thread() -> None:
    quick = Slow(5000)
    quick.end.set()

    records = BoundedBackend(quick, "quick", 30).records("prod")
    first = next(records)
    records.close()
    reading = [t for t in threading.enumerate() if t.name == "audit-quick"]
    for thread in reading:
        thread.join(30)

    assert first == quick.kept[0]
    assert not any(thread.is_alive() for thread in reading)
    assert quick.given < len(quick.kept) - 1


def test_an_error_while_closing_is_logged_as_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Slow):
        def close(self) -> None:
            raise OSError("the connection is gone")

    BoundedBackend(Stuck(0), "stuck", 30).close()

    assert "audit backend stuck could not close (OSError: the connection is" in caplog.text


def test_an_error_while_reading_history_is_one_line() -> None:
    class Failing(Slow):
        def records(self, environment: str) -> Iterator[AnyRecord]:
            yield self.kept[0]
            raise KeyError("forgotten\nby its author")

    with pytest.raises(AuditUnavailableError) as caught:
        list(BoundedBackend(Failing(1), "bad", 30).records("prod"))

    assert "bad could not read the next record of prod (KeyError: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_a_long_history_does_not_block_writers(tmp_path: Path) -> None:
    backend = SqliteAudit(tmp_path / "audit.db", wait_seconds=0)
    records = [at_minute(minute) for minute in range(1100)]
    backend.append(records[0])
    with closing(sqlite3.connect(tmp_path / "audit.db")) as db, db:
        db.executemany(
            "INSERT INTO records (id, kind, environment, at, operator, content) "
            "VALUES (?, 'promotion', 'prod', '', '', ?)",
            [(record.id, record.to_bytes().decode()) for record in records[1:]],
        )

    reading = backend.records("prod")
    first = next(reading)
    backend.append(at_minute(5000))
    rest = list(reading)

    assert len({first.id, *(record.id for record in rest)}) == len(records) + 1
