"""Entries that a writer claimed in a shared database and did not finish."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from engine.adapters.store.entry_claims import SqlEntryClaims
from engine.api import Engine
from engine.bootstrap.ledger_repair import find_removed
from engine.domain.canonical import canonical_json
from engine.domain.errors import ConflictError, LedgerUnreadableError, StoreUnavailableError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.record import AnyRecord
from engine.domain.status import Alignment
from engine.ports.state import NO_CLAIMS
from tests.conftest import Place
from tests.scenarios.claiming import assert_sound, claims_in, kill_after_the_claim, warnings
from tests.scenarios.engines import ProgressLog, promote, with_parts
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import kinds, lock, unlock


def test_claimed_entry_is_completed_before_the_next_change(
    shared: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    promote(shared, "v1.0.1", "staging")
    kill_after_the_claim(shared, "v1.0.2")

    assert lock(shared).error is None

    assert kinds(shared) == ["promotion", "promotion", "lock"]
    status = shared.status()[1]
    assert (status.state.version, status.alignment) == ("v1.0.2", Alignment.ALIGNED)
    said = warnings(caplog)
    assert said[0].startswith("completed entry staging#2 sha256:")
    assert said[1] == "completed staging v1.0.2: its run was interrupted"
    assert_sound(shared)


def test_repeated_command_reports_the_claimed_entry(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    again = promote(shared, "v1.0.1", "staging")

    assert again.error is None
    assert kinds(shared) == ["promotion"]
    assert_sound(shared)


def test_record_that_changes_no_tag_completes_a_claimed_entry(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    shared.runner.append(next_record(shared))

    assert kinds(shared) == ["promotion", "unlock"]


def next_record(engine: Engine) -> AnyRecord:
    """An unlock of staging, made now."""
    assert lock(engine, "prod").error is None
    assert unlock(engine, "prod").error is None
    (newest,) = engine.history("prod", 1)
    changes = {"environment": "staging", "unlock_id": uuid4()}
    return newest.record.model_copy(update=changes | {"unlocked_at": engine.now()})


def unstored(engine: Engine, entry: LedgerEntry) -> LedgerEntry:
    """A person without access to the registry cannot store the record."""
    record = next_record(engine)
    return engine.runner.ledger.prepare(engine.runner.ledger.end("staging"), record, None)[0]


def borrowed(engine: Engine, entry: LedgerEntry) -> LedgerEntry:
    """A manifest may name the stored record of another entry."""
    forged = unstored(engine, entry)
    document, stored = (json.loads(each.manifest.content) for each in (forged, entry))
    document |= {"config": stored["config"], "layers": stored["layers"]}
    return replace(forged, manifest=Manifest(canonical_json(document), IMAGE_MANIFEST))


def repeated(engine: Engine, entry: LedgerEntry) -> LedgerEntry:
    """The registry has the records of all earlier entries."""
    end = engine.runner.ledger.end("staging")
    return engine.runner.ledger.prepare(end, entry.record, None)[0]


def foreign(engine: Engine, entry: LedgerEntry) -> LedgerEntry:
    manifest = Manifest(b'{"schemaVersion": 2}', IMAGE_MANIFEST)
    return replace(entry, sequence=entry.sequence + 1, manifest=manifest)


def ahead(engine: Engine, entry: LedgerEntry) -> LedgerEntry:
    return replace(unstored(engine, entry), sequence=entry.sequence + 2)


@pytest.mark.parametrize("forge", [unstored, borrowed, repeated, foreign, ahead])
def test_claim_that_can_be_no_entry_is_removed(
    shared: Engine,
    forge: Callable[[Engine, LedgerEntry], LedgerEntry],
    caplog: pytest.LogCaptureFixture,
) -> None:
    lock(shared)
    unlock(shared)
    (newest,) = shared.history("staging", 1)
    forged = forge(shared, newest)
    shared.runner.claims.claim(forged)

    assert lock(shared).error is None

    assert kinds(shared) == ["lock", "unlock", "lock"]
    (said,) = warnings(caplog)
    assert said.startswith(f"removed the claim of entry {forged.sequence} of staging (sha256:")
    assert shared.runner.claims.pending("staging") == ()
    assert_sound(shared)


def test_looking_for_removed_tags_completes_nothing(shared: Engine) -> None:
    kill_after_the_claim(shared, "v1.0.1")

    find_removed(shared, "staging", ProgressLog())

    assert kinds(shared) == []


def test_number_that_another_machine_claimed_is_a_conflict(
    place: Place, shared: Engine, tmp_path: Path
) -> None:
    promote(shared, "v1.0.1", "staging")
    end = shared.runner.ledger.end("staging")
    there = set(place.registry.tags())

    class Overtaken(SqlEntryClaims):
        """Another machine claims the number while this one is suspended before its claim."""

        def claim(self, entry: LedgerEntry) -> None:
            other, _ = shared.runner.ledger.prepare(end, next_record(shared), None)
            shared.runner.claims.claim(other)
            super().claim(entry)

    late = claims_in(tmp_path, place, Overtaken)
    with pytest.raises(ConflictError, match="recorded entry 2 of 'staging' first"):
        lock(with_parts(shared, claims=late))

    assert not {tag for tag in set(place.registry.tags()) - there if "staging" in tag.name}


def test_empty_database_continues_the_ledger(shared: Engine, place: Place, tmp_path: Path) -> None:
    promote(shared, "v1.0.1", "staging")
    kill_after_the_claim(shared, "v1.0.2")
    empty = with_parts(shared, claims=claims_in(tmp_path / "empty", place))

    assert promote(empty, "v1.0.3", "staging").error is None

    assert empty.status()[1].state.version == "v1.0.3"
    assert kinds(empty) == ["promotion", "promotion"]


def test_claims_of_an_older_database_do_not_block(
    shared: Engine, place: Place, tmp_path: Path
) -> None:
    promote(shared, "v1.0.1", "staging")
    without = with_parts(shared, claims=NO_CLAIMS)
    for version in ("v1.0.2", "v1.0.3"):
        promote(without, version, "staging")

    assert lock(shared).error is None

    assert kinds(shared) == ["promotion"] * 3 + ["lock"]


def test_nothing_is_written_without_the_database(
    shared: Engine, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "gone" / "entries.db").mkdir(parents=True)
    gone = with_parts(shared, claims=claims_in(tmp_path / "gone", place))
    before = set(place.registry.tags())

    with pytest.raises(StoreUnavailableError):
        promote(gone, "v1.0.1", "staging")

    assert set(place.registry.tags()) == before


def test_restored_ledger_is_continued_once_it_is_accepted(shared: Engine, place: Place) -> None:
    for version in ("v1.0.1", "v1.0.2"):
        promote(shared, version, "staging")
    Hand(place).cut_off(2)

    with pytest.raises(LedgerUnreadableError):
        lock(shared)
    shared.accept_ledger("staging")

    assert lock(shared).error is None
    assert kinds(shared) == ["promotion", "lock"]


def test_claim_is_kept_while_the_ledger_is_cut(shared: Engine, place: Place) -> None:
    for version in ("v1.0.1", "v1.0.2"):
        promote(shared, version, "staging")
    kill_after_the_claim(shared, "v1.0.3")
    Hand(place).cut_off(2)

    with pytest.raises(LedgerUnreadableError):
        lock(shared)

    assert [claim.sequence for claim in shared.runner.claims.pending("staging")] == [3]
