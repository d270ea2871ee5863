"""The meaning of records is judged without the registry, by the policies in the export."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.signing.pem import generate_key
from engine.bootstrap.checkpoints import verify_exports
from engine.domain.audit import AuditReport
from engine.domain.environment import Approvals, Environment
from tests.conftest import Place
from tests.scenarios.audited import messages, summarize
from tests.scenarios.engines import ProgressLog, engine_on, path_of, policy_of, promote
from tests.scenarios.forging import Forger
from tests.scenarios.verbs import artifact, build_and_promote, lock, roll_back
from tests.tlog.logged import logging_engine

PATH = path_of("dev", "staging", Environment("prod", approvals=Approvals(rollback=True)))


@pytest.fixture
def forger(layout: Place, tmp_path: Path) -> Iterator[Forger]:
    """Two versions were promoted to prod, and prod was rolled back; the rules changed once."""
    with engine_on(layout.registry, tmp_path) as engine:
        build_and_promote(layout, engine, "v1.0.0")
    with engine_on(layout.registry, tmp_path, PATH) as engine:
        build_and_promote(layout, engine, "v1.1.0")
        for version in ("v1.0.0", "v1.1.0"):
            assert promote(engine, version, "prod").error is None
        assert roll_back(engine, "v1.0.0", "prod").error is None
        yield Forger(layout, engine)


def export(forger: Forger, folder: Path, environment: str | None = None) -> Path:
    engine = logging_engine(forger.engine, generate_key("ed25519"))
    engine.export(environment, folder / "out", ProgressLog())
    return folder / "out"


def verify(exported: Path) -> AuditReport:
    return verify_exports(exported, (), (), ProgressLog())


def test_honest_export_is_sound(forger: Forger, tmp_path: Path) -> None:
    report = verify(export(forger, tmp_path))

    assert report.sound
    notes = [note.kind.value for found in report.environments for note in found.notes]
    assert set(notes) == {"unconfirmed"}


def test_promotion_without_a_source_is_found(forger: Forger, tmp_path: Path) -> None:
    forger.promote("v2.0.0", "prod", artifact("v2.0.0"))

    prod = verify(export(forger, tmp_path)).environments[0]

    assert summarize(prod.problems) == [("source", 4)]


def test_promotion_while_locked_is_found(forger: Forger, tmp_path: Path) -> None:
    assert lock(forger.engine, "prod").error is None
    forger.promote("v1.1.0", "prod", artifact("v1.1.0"))

    prod = verify(export(forger, tmp_path)).environments[0]

    assert summarize(prod.problems) == [("locked", 5), ("override", 5)]


def test_lost_policy_is_found(forger: Forger, tmp_path: Path) -> None:
    exported = export(forger, tmp_path)
    name = policy_of().digest.removeprefix("sha256:")
    (exported / "staging/blobs/sha256" / name).unlink()

    staging = verify(exported).environments[1]

    assert summarize(staging.problems) == [("missing", 1)]
    assert f"policy {policy_of().digest} of entry 1 of staging is missing" in messages(staging)


def test_altered_policy_is_found(forger: Forger, tmp_path: Path) -> None:
    exported = export(forger, tmp_path)
    name = policy_of().digest.removeprefix("sha256:")
    path = exported / "staging/blobs/sha256" / name
    path.write_bytes(path.read_bytes().replace(b'"required":0', b'"required":1'))

    staging = verify(exported).environments[1]

    assert summarize(staging.problems) == [("missing", 1)]
    assert "was altered" in messages(staging)


def test_export_without_the_source_says_so(forger: Forger, tmp_path: Path) -> None:
    (prod,) = verify(export(forger, tmp_path, "prod")).environments

    assert prod.sound
    assert ("unjudged", None) in summarize(prod.notes)
    assert "ledger of staging: this export does not contain it" in messages(prod)
