"""The ledger is compared with its copies in an audit backend, in both directions (FR-026)."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.api import Engine
from engine.domain.audit import RemarkKind
from engine.domain.errors import AuditUnavailableError
from engine.domain.record import AnyRecord, PromotionRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.builders import image
from tests.scenarios.engines import ProgressLog, engine_on, promote, with_parts
from tests.scenarios.verbs import lock, roll_back, unlock

ANOTHER = "7a544256-7fee-4973-9626-85b5ed6d216c"
pytestmark = pytest.mark.requirement("FR-026")


def backend(name: str, folder: Path) -> AuditBackendPlugin:
    if name == "s3":
        return open_backend("s3", AuditSettings(folder, url=f"file://{folder}/copies"))
    return open_backend("database", AuditSettings(folder, path=folder / "audit.db"))


@pytest.fixture(params=["s3", "database"])
def engine(place, tmp_path, request) -> Iterator[Engine]:
    """An engine with a backend, and two promotions and a rollback on record."""
    copies = backend(request.param, tmp_path)
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
    try:
        with engine_on(place.registry, tmp_path) as running:
            audited = with_parts(running, audit_backend=copies)
            promote(audited, "v1.0.0", "staging")
            promote(audited, "v2.0.0", "staging")
            roll_back(audited, "v1.0.0")
            yield audited
    finally:
        copies.close()


def altered(engine: Engine, **fields: str) -> PromotionRecord:
    """Return the first promotion of the ledger with these `fields` changed."""
    first = engine.runner.audit_backend.query_history("staging", 10)[-1]
    return PromotionRecord.model_validate_json(json.dumps(first.model_dump(mode="json") | fields))


def found(engine: Engine) -> list[tuple[RemarkKind, int | None]]:
    report = engine.verify("staging", ProgressLog())
    return [(remark.kind, remark.sequence) for remark in report.environments[0].problems]


def noted(engine: Engine) -> list[tuple[RemarkKind, int | None]]:
    report = engine.verify("staging", ProgressLog())
    return [(remark.kind, remark.sequence) for remark in report.environments[0].notes]


def test_matching_ledger_and_copies_are_sound(engine: Engine) -> None:
    assert found(engine) == []
    assert noted(engine) == []


def test_record_missing_in_the_backend_is_named(engine: Engine) -> None:
    lock(with_parts(engine, audit_backend=None))
    unlock(engine)

    assert found(engine) == [(RemarkKind.UNCOPIED, 4)]


def test_copy_missing_in_the_ledger_is_named(engine: Engine) -> None:
    of_another = {"promotion_id": ANOTHER, "artifact_digest": f"sha256:{'0' * 64}"}
    engine.runner.audit_backend.append(altered(engine, **of_another))

    assert found(engine) == [(RemarkKind.MISSING, None)]


def test_copy_of_a_repeated_run_is_a_note(engine: Engine) -> None:
    engine.runner.audit_backend.append(altered(engine, promotion_id=ANOTHER))

    assert found(engine) == []
    assert noted(engine) == [(RemarkKind.UNCOMMITTED, None)]


def test_entries_older_than_the_backend_are_a_note(place, tmp_path) -> None:
    place.push(image(b"v1.0.0"), "v1.0.0-dev")
    copies = backend("database", tmp_path)
    with engine_on(place.registry, tmp_path) as running:
        promote(running, "v1.0.0", "staging")
        audited = with_parts(running, audit_backend=copies)
        noted_at_first = noted(audited)
        lock(audited)

        assert found(audited) == []
        assert noted_at_first == noted(audited) == [(RemarkKind.UNCOPIED, 1)]
    copies.close()


def test_deleted_first_copy_is_named(engine: Engine) -> None:
    newest = with_parts(engine, audit_backend=_NewestOnly(engine.runner.audit_backend, 1))

    assert found(newest) == [(RemarkKind.UNCOPIED, 1), (RemarkKind.UNCOPIED, 2)]
    assert noted(newest) == []


def test_copies_in_an_earlier_backend_are_a_note(engine: Engine, tmp_path: Path) -> None:
    another = open_backend("database", AuditSettings(tmp_path, path=tmp_path / "another.db"))

    moved = with_parts(engine, audit_backend=another)

    assert found(moved) == []
    assert noted(moved) == [(RemarkKind.UNCOPIED, 3)]
    another.close()


def test_backend_for_promotions_and_rollbacks_needs_no_locks(place, tmp_path) -> None:
    place.push(image(b"v1.0.0"), "v1.0.0-dev")
    with engine_on(place.registry, tmp_path) as running:
        audited = with_parts(running, audit_backend=_PromotionsAndRollbacks())
        promote(audited, "v1.0.0", "staging")
        lock(audited)
        unlock(audited)

        assert found(audited) == []
        kept = audited.runner.audit_backend.query_history("staging", 9)
        assert [record.kind for record in kept] == ["promotion"]


def test_emptied_backend_is_named(engine: Engine) -> None:
    emptied = with_parts(engine, audit_backend=_NewestOnly(engine.runner.audit_backend, 0))

    assert found(emptied) == [
        (RemarkKind.UNCOPIED, 1),
        (RemarkKind.UNCOPIED, 2),
        (RemarkKind.UNCOPIED, 3),
    ]


def test_altered_copy_is_named(engine: Engine, tmp_path: Path) -> None:
    if (tmp_path / "audit.db").exists():
        with sqlite3.connect(tmp_path / "audit.db") as db:
            for trigger in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'"):
                db.execute(f"DROP TRIGGER {trigger[0]}")
            [table] = db.execute(
                "SELECT tbl_name FROM sqlite_master WHERE sql LIKE '%operator%' LIMIT 1"
            ).fetchone()
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            content = columns[-1]
            db.execute(f"UPDATE {table} SET {content} = replace({content}, 'alice', 'mally')")
        db.close()
    else:
        for path in (tmp_path / "copies").rglob("*.json"):
            path.chmod(0o600)
            path.write_text(path.read_text().replace("alice", "mally"))

    assert {kind for kind, _ in found(engine)} == {RemarkKind.ALTERED}


def test_unreadable_backend_is_no_verdict(engine: Engine, tmp_path: Path) -> None:
    if not (tmp_path / "audit.db").exists():
        shutil.rmtree(tmp_path / "copies")
        (tmp_path / "copies").write_text("no directory")
    else:
        (tmp_path / "audit.db").write_bytes(b"no database, by no means, whatever its name says")

    with pytest.raises(AuditUnavailableError):
        engine.verify("staging", ProgressLog())


class _NewestOnly(AuditBackendPlugin):
    """Returns at most the `newest` records of `backend`."""

    def __init__(self, backend: AuditBackendPlugin, newest: int) -> None:
        self.place = backend.place
        self._backend = backend
        self._newest = newest

    def append(self, record) -> None:
        self._backend.append(record)

    def query_history(self, environment, limit):
        return self._backend.query_history(environment, limit)[: self._newest]


class _PromotionsAndRollbacks(AuditBackendPlugin):
    """A backend that implements only the two methods for promotions and rollbacks."""

    place = "two-kinds"

    def __init__(self) -> None:
        self._records: list[AnyRecord] = []

    def store_promotion(self, record) -> None:
        self._records.append(record)

    def store_rollback(self, record) -> None:
        self._records.append(record)

    def query_history(self, environment, limit):
        return [r for r in reversed(self._records) if r.ledger == environment][:limit]
