"""Signed ledger entries: the format in the registry, key changes, and keys that cannot sign."""

import base64
import json
import re
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.attestation.bundle import read_key_bundle
from engine.attestation.statement import read_statement
from engine.domain.artifact import Digest
from engine.domain.errors import ConfigError, LedgerUnreadableError, SigningUnavailableError
from engine.domain.result import Ending
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import lock, promote_versions, stranger_audit, summarize
from tests.scenarios.engines import promote
from tests.scenarios.sealed import OTHER, OWN, BrokenSigner, trust, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def test_entry_is_a_bundle_attached_to_the_artifact(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path) as engine:
        promote_versions(place, engine, last=1)

    manifest = json.loads(Hand(place).manifest(f"{ENTRY}.1").content)
    [layer] = manifest["layers"]
    artifact = str(Hand(place).manifest("v1.0.1-staging").digest)
    content = base64.b64decode(layer["data"])
    assert manifest["artifactType"] == layer["mediaType"] == BUNDLE
    assert manifest["subject"]["digest"] == artifact
    assert manifest["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope"
    assert manifest["annotations"]["dev.sigstore.bundle.predicateType"] == (
        "https://floe.dev/promotion/staging/v1"
    )
    assert content == Hand(place).record(f"{ENTRY}.1")
    assert layer["digest"] == str(Digest.of(content))


def test_statement_holds_the_whole_record_its_links_and_the_state(
    place: Place, tmp_path: Path
) -> None:
    with writer(place, tmp_path) as engine:
        promote_versions(place, engine, last=2)
        record = engine.runner.ledger.head("staging")
    assert record is not None

    statement = read_statement(read_key_bundle(Hand(place).record(f"{ENTRY}.2")).payload)

    entry = statement.predicate.pop("entry")
    assert str(statement.digest) == record.record.subject_digest
    assert statement.predicate_type == "https://floe.dev/promotion/staging/v1"
    assert statement.predicate == record.record.model_dump(mode="json")
    assert (entry["ledger.sequence"], entry["state.version"]) == ("2", "v1.0.2")
    assert entry["ledger.previous"] == str(Hand(place).manifest(f"{ENTRY}.1").digest)


def test_lock_names_the_previous_entry(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path) as engine:
        promote_versions(place, engine, last=1)
        lock(engine)

    statement = read_statement(read_key_bundle(Hand(place).record(f"{ENTRY}.2")).payload)

    assert statement.digest == Hand(place).manifest(f"{ENTRY}.1").digest
    assert statement.predicate_type == "https://floe.dev/lock/staging/v1"


def test_signed_ledger_is_sound_also_for_readers_without_the_private_key(
    place: Place, tmp_path: Path
) -> None:
    with writer(place, tmp_path / "writer") as engine:
        promote_versions(place, engine, last=3)
        lock(engine)

    for sealing in (Sealing(), Sealing(None, trust(OWN))):
        with writer(place, tmp_path / "reader", sealing) as reader:
            found = stranger_audit(reader)
            assert found.sound, found
            assert (found.entries, found.notes) == (4, ())


def test_key_that_cannot_sign_leaves_nothing_in_the_registry(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path / "good") as engine:
        promote_versions(place, engine, last=1)
    place.push(image(b"next"), "v1.0.2-dev")
    before = sorted(place.registry.tags())

    with writer(place, tmp_path / "bad", Sealing(BrokenSigner(), trust(OWN))) as engine:
        for ask in (lambda: promote(engine, "v1.0.2", "staging"), lambda: lock(engine)):
            with pytest.raises(SigningUnavailableError):
                ask()
        row = engine.status()[1]

    assert sorted(place.registry.tags()) == before
    assert (row.state.version, row.lock, row.deviates) == ("v1.0.1", None, False)


def adopting(place: Place, number: int) -> Sealing:
    """Trust the own key, and the unsigned entry `number` of staging."""
    return Sealing(OWN, trust(OWN), frozenset({Hand(place).manifest(f"{ENTRY}.{number}").digest}))


def test_ledger_adopts_signatures_without_losing_its_history(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path / "old", Sealing()) as engine:
        promote_versions(place, engine, last=2)
    with writer(place, tmp_path / "adopting", adopting(place, 2)) as engine:
        assert (engine.status()[1].state.version, engine.status()[1].ignored) == ("v1.0.2", ())
        assert stranger_audit(engine).sound
        lock(engine)

    with writer(place, tmp_path / "new") as engine:
        row = engine.status()[1]
        found = stranger_audit(engine)

    assert (row.state.version, row.ignored) == ("v1.0.2", ())
    assert row.lock is not None
    assert (found.sound, summarize(found.notes)) == (True, [("untrusted", 2)])


def test_adopted_history_survives_the_loss_of_the_head_tag(layout: Place, tmp_path: Path) -> None:
    with writer(layout, tmp_path / "old", Sealing()) as engine:
        promote_versions(layout, engine, last=2)
    with writer(layout, tmp_path / "adopting", adopting(layout, 2)) as engine:
        lock(engine)
    Hand(layout).remove_tag(HEAD)

    with writer(layout, tmp_path / "new") as engine:
        row = engine.status()[1]

    assert row.state.version == "v1.0.2"
    assert row.lock is not None


def test_unsigned_entries_after_the_adopted_one_do_not_count(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path / "old", Sealing()) as engine:
        promote_versions(place, engine, last=2)
    sealing = adopting(place, 2)
    with writer(place, tmp_path / "forger", Sealing()) as engine:
        lock(engine, "forged")

    with writer(place, tmp_path / "adopting", sealing) as engine:
        row = engine.status()[1]

    assert (row.state.version, row.lock, row.untrusted) == ("v1.0.2", None, {3})


def test_unsigned_ledger_does_not_count_and_is_not_written_once_keys_are_trusted(
    place: Place, tmp_path: Path
) -> None:
    with writer(place, tmp_path / "old", Sealing()) as engine:
        promote_versions(place, engine, last=2)
    before = sorted(place.registry.tags())
    line = f'adopted: ["staging#2={Hand(place).manifest(f"{ENTRY}.2").digest}"]'

    with writer(place, tmp_path / "new") as engine:
        row = engine.status()[1]
        for ask in (lambda: promote(engine, "v1.0.2", "staging"), lambda: lock(engine)):
            with pytest.raises(LedgerUnreadableError, match=re.escape(line)):
                ask()

    assert (row.state.version, row.ignored, row.untrusted) == (None, (1, 2), {1, 2})
    assert sorted(place.registry.tags()) == before


def test_machine_that_cannot_sign_does_not_write_where_keys_are_trusted(
    place: Place, tmp_path: Path
) -> None:
    place.push(image(b"one"), "v1.0.1-dev")
    before = sorted(place.registry.tags())

    with writer(place, tmp_path, Sealing(None, trust(OWN))) as engine:
        for ask in (lambda: promote(engine, "v1.0.1", "staging"), lambda: lock(engine)):
            with pytest.raises(ConfigError, match="an entry without a signature does not count"):
                ask()

    assert sorted(place.registry.tags()) == before


def test_retired_key_is_replaced_without_a_gap(place: Place, tmp_path: Path) -> None:
    place.push(image(b"three"), "v1.0.3-dev")
    with writer(place, tmp_path / "old") as engine:
        promote_versions(place, engine, last=2)
    with writer(place, tmp_path / "both", Sealing(OTHER, trust(OWN, OTHER))) as engine:
        lock(engine)

    with writer(place, tmp_path / "new", Sealing(OTHER, trust(OTHER))) as engine:
        row = engine.status()[1]
        promoted = promote(engine, "v1.0.2", "prod")
    with writer(place, tmp_path / "retired") as engine:
        retired = engine.status()[1]

    assert (row.state.version, row.ignored) == ("v1.0.2", ())
    assert promoted.outcome is Ending.PROMOTED
    assert (retired.lock, retired.untrusted) == (None, {3})


def test_large_record_is_read_from_its_blob(place: Place, tmp_path: Path) -> None:
    with writer(place, tmp_path) as engine:
        promote_versions(place, engine, last=1)
        lock(engine, "x" * 200_000)

        assert "data" not in json.loads(Hand(place).manifest(f"{ENTRY}.2").content)["layers"][0]
        assert engine.status()[1].lock is not None
        assert stranger_audit(engine).sound
