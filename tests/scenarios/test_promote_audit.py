"""Audit backends get a copy of every record before the change takes effect (FR-025)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.audit.loading import open_backend
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import AuditUnavailableError
from engine.domain.plan import GateMode
from engine.domain.record import AnyRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, engine_on, promote, promotion, with_parts
from tests.scenarios.verbs import lock, roll_back, unlock

BACKENDS = ["s3", "database"]


def backend(name: str, folder: Path) -> AuditBackendPlugin:
    if name == "s3":
        return open_backend("s3", AuditSettings(folder, url=f"file://{folder}/copies"))
    return open_backend("database", AuditSettings(folder, path=folder / "audit.db"))


@contextmanager
def engine_with_backend(name: str, place: Place, folder: Path) -> Iterator[Engine]:
    copies = backend(name, folder)
    try:
        with engine_on(place.registry, folder) as engine:
            yield with_parts(engine, audit_backend=copies)
    finally:
        copies.close()


@pytest.mark.requirement("FR-025", "FR-025a")
@pytest.mark.parametrize("name", BACKENDS)
def test_backend_has_an_equal_copy_of_every_record(place, tmp_path, name):
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")

    with engine_with_backend(name, place, tmp_path) as engine:
        promote(engine, "v1.0.0", "staging")
        promote(engine, "v2.0.0", "staging")
        lock(engine)
        unlock(engine)
        roll_back(engine, "v1.0.0")
        kept = engine.runner.audit_backend.query_history("staging", 100)
        ledger = [entry.record for entry in engine.history("staging", 100)]

    assert kept == ledger
    assert len(ledger) == 5


class UnreachableBackend(AuditBackendPlugin):
    """An unreachable backend."""

    def append(self, record: AnyRecord) -> None:
        raise AuditUnavailableError("the audit store does not answer: look at it and try again")

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        raise AuditUnavailableError("the audit store does not answer")


def test_promotion_without_its_backend_has_no_effect_and_can_be_repeated(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")
    with engine_on(place.registry, tmp_path) as engine:
        down = with_parts(engine, audit_backend=UnreachableBackend())

        with pytest.raises(AuditUnavailableError) as refused:
            promote(down, "v1.0.0", "staging")
        assert refused.value.exit_code == 5
        assert engine.history("staging", 10) == ()
        assert engine.runner.registry.resolve(Tag("latest-staging")) is None

    with engine_with_backend("database", place, tmp_path) as engine:
        assert promote(engine, "v1.0.0", "staging").error is None
        assert len(engine.history("staging", 10)) == 1


def test_dry_run_leaves_nothing_in_the_backend(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")

    with engine_with_backend("s3", place, tmp_path) as engine:
        engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog(), GateMode.LIST)
        kept = engine.runner.audit_backend.query_history("staging", 10)

    assert kept == []
    assert not list((tmp_path / "copies").rglob("*.json"))


@pytest.mark.requirement("FR-025")
def test_objects_hold_the_record_byte_for_byte(place, tmp_path):
    place.push(image(b"one"), "v1.0.0-dev")

    with engine_with_backend("s3", place, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    [copy] = (tmp_path / "copies").rglob("*.json")
    assert copy.read_bytes() == result.record.to_bytes()
    assert json.loads(copy.read_text())["promotion_id"] == result.record.id
