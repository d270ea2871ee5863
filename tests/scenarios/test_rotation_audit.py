"""An audit judges each entry by the keys that were trusted at its place."""

from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing import PemSigner
from engine.domain.audit import EnvironmentAudit
from tests.conftest import Place
from tests.scenarios.audited import lock, messages, stranger_audit, summarize
from tests.scenarios.engines import ProgressLog
from tests.scenarios.mirrored import with_mirrors
from tests.scenarios.rotating import (
    NEW,
    OLD,
    READS_NEW,
    READS_OLD,
    SWITCHED,
    THIRD,
    build_retired,
    forge_unrotated,
    public,
    rotated,
    rotation_record,
    thief,
)
from tests.scenarios.sealed import trust, writer
from tests.scenarios.tampering import ENTRY, Hand
from tests.scenarios.test_sealed_exports import LOG, export, verify
from tests.scenarios.verbs import unlock
from tests.secondaries.mirrors import mirror_to
from tests.tlog.logged import logging_engine, made

pytestmark = pytest.mark.requirement("FR-026")


@pytest.fixture
def retired(place: Place, tmp_path: Path) -> Place:
    return build_retired(place, tmp_path)


def audit_for(place: Place, folder: Path, sealing: Sealing) -> EnvironmentAudit:
    with writer(place, folder / "auditor", sealing) as engine:
        return stranger_audit(engine)


@pytest.mark.parametrize("sealing", [READS_OLD, READS_NEW, SWITCHED, Sealing()])
def test_rotated_ledger_is_sound_without_notes(
    retired: Place, tmp_path: Path, sealing: Sealing
) -> None:
    found = audit_for(retired, tmp_path, sealing)

    assert (found.problems, found.notes, found.entries) == ((), (), 5)


def test_entries_before_the_key_that_signed_them_was_added_are_noted(
    layout: Place, tmp_path: Path
) -> None:
    with writer(layout, tmp_path / "new", SWITCHED) as engine:
        lock(engine)
    with writer(layout, tmp_path / "old", Sealing(OLD, trust(OLD, NEW))) as engine:
        rotated(engine, NEW)

    found = audit_for(layout, tmp_path, READS_OLD)

    assert (found.sound, summarize(found.notes)) == (True, [("untrusted", 1)])


@pytest.mark.parametrize("sealing", [READS_OLD, READS_NEW, SWITCHED])
def test_audit_names_an_entry_by_a_key_that_was_retired_before(
    retired: Place, tmp_path: Path, sealing: Sealing
) -> None:
    with thief(retired, tmp_path) as engine:
        unlock(engine)
    before = audit_for(retired, tmp_path, sealing)
    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        unlock(engine)
    after = audit_for(retired, tmp_path, sealing)

    fact = f"is signed by {public(OLD).key_id}, which entry 5 retired, so it does not count"
    for found in (before, after):
        assert ("untrusted", 6) in summarize(found.problems)
        assert fact in messages(found)
        assert "floe platform audit acknowledge 6 --env staging" in messages(found)


@pytest.mark.parametrize("checked", [False, True], ids=["all entries", "since a checkpoint"])
def test_audit_names_an_entry_that_a_manifest_with_the_stolen_key_accepted(
    retired: Place, tmp_path: Path, checked: bool
) -> None:
    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        logging = logging_engine(engine, LOG)
        assert made(logging, "staging").size == 5
        forge_unrotated(retired, engine)
        assert engine.status()[1].state.sequence == 2
        unlock(engine)
        found = stranger_audit(logging if checked else engine)

    assert f"is signed by {public(OLD).key_id}, which entry 5 retired" in messages(found)
    assert ("untrusted", 6) in summarize(found.problems)
    assert "Entry 6 of staging: its state does not follow" in messages(found)
    assert any(kind == "unread" for kind, _ in summarize(found.notes)) == checked


def test_audit_since_a_checkpoint_knows_the_rotations_before(
    retired: Place, tmp_path: Path
) -> None:
    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        unlock(engine)
        made(logging_engine(engine, LOG), "staging")
        lock(engine)

    for sealing in (READS_OLD, READS_NEW):
        with writer(retired, tmp_path / "auditor", sealing) as engine:
            found = stranger_audit(logging_engine(engine, LOG))
        assert (found.problems, summarize(found.notes)) == ((), [("unwitnessed", 7), ("unread", 5)])


def test_audit_names_a_rotation_by_a_stranger(retired: Place, tmp_path: Path) -> None:
    with writer(retired, tmp_path / "stranger", Sealing(THIRD, trust(THIRD, OLD, NEW))) as engine:
        rotated(engine, THIRD)

    assert ("untrusted", 6) in summarize(audit_for(retired, tmp_path, READS_OLD).problems)


def test_audit_names_a_rotation_that_leaves_no_key(retired: Place, tmp_path: Path) -> None:
    with writer(retired, tmp_path / "new", SWITCHED) as engine:
        engine.runner.append(rotation_record(engine, (), (NEW,)))

    assert ("void", 6) in summarize(audit_for(retired, tmp_path, READS_OLD).problems)


def test_altered_rotation_is_a_finding(layout: Place, tmp_path: Path) -> None:
    build_retired(layout, tmp_path)
    digest = Hand(layout).manifest(f"{ENTRY}.3").digest
    (tmp_path / str(layout.registry.reference)).joinpath(
        "blobs", *str(digest).split(":")
    ).write_bytes(b"{}")

    found = audit_for(layout, tmp_path, READS_NEW)

    assert not found.sound
    assert any(place == 3 for _, place in summarize(found.problems))


@pytest.mark.parametrize("key", [OLD, NEW], ids=["old", "new"])
def test_export_is_verified_with_one_key_and_its_rotations(
    layout: Place, tmp_path: Path, key: PemSigner
) -> None:
    build_retired(layout, tmp_path)

    found = verify(export(layout, tmp_path), LOG, key)

    assert (found.problems, found.entries) == ((), 5)
    # The export lacks the ledger of dev, from which the promotions came.
    assert summarize(found.notes) == [("unjudged", None)]


def test_export_names_an_entry_by_a_retired_key(layout: Place, tmp_path: Path) -> None:
    build_retired(layout, tmp_path)
    with thief(layout, tmp_path) as engine:
        unlock(engine)

    found = verify(export(layout, tmp_path), LOG, OLD, NEW)

    assert ("untrusted", 6) in summarize(found.problems)
    assert f"is signed by {public(OLD).key_id}, which entry 5 retired" in messages(found)


def test_secondary_keeps_the_rotations(layout: Place, tmp_path: Path) -> None:
    build_retired(layout, tmp_path)
    copy = LayoutRegistry.create(tmp_path / "copy")
    with writer(layout, tmp_path / "new", SWITCHED) as engine:
        mirror = mirror_to(layout.registry, tmp_path / "copy")
        assert with_mirrors(engine, tmp_path, mirror).sync(None, ProgressLog()).error is None

    for sealing in (READS_OLD, READS_NEW):
        found = audit_for(Place(copy, layout.push), tmp_path, sealing)
        assert (found.problems, found.entries) == ((), 5)
