"""Entries that contradict themselves are found, by name and place."""

from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from tests.conftest import Place
from tests.scenarios.audited import lock, messages, promote_versions, stranger_audit, summarize
from tests.scenarios.engines import engine_on
from tests.scenarios.tampering import ENTRY, HEAD, OPERATOR, Hand
from tests.scenarios.verbs import unlock

pytestmark = pytest.mark.requirement("FR-026")


def test_annotation_that_contradicts_its_record_is_found(hand: Hand, engine: Engine) -> None:
    forged = hand.edited(HEAD, lambda m: m["annotations"].update({OPERATOR: "mallory"}))
    hand.put(forged, HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "Entry 5 of staging: its annotations and its record differ in operator" in messages(
        found
    )
    assert "restore it from a backup" in messages(found)


def test_record_that_contradicts_its_annotations_is_found(hand: Hand, engine: Engine) -> None:
    hand.put(hand.rewritten(HEAD, lambda r: r.update(authorized_via="me")), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "differ in authorized_via" in messages(found)


def test_record_in_another_serialization_is_found(hand: Hand, engine: Engine) -> None:
    content = b" " + hand.record(HEAD)
    hand.put(hand.holding(HEAD, content), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "not in canonical JSON, which floe writes" in messages(found)


def test_unparsable_record_is_found(hand: Hand, engine: Engine) -> None:
    hand.put(hand.holding(HEAD, b'{"kind":"promotion"}'), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "cannot be parsed" in messages(found)


def test_manifest_with_two_records_is_found(hand: Hand, engine: Engine) -> None:
    other = hand.manifest(f"{ENTRY}.4").view.config
    assert other is not None
    forged = hand.edited(HEAD, lambda m: m["layers"].append(other.to_json()))
    hand.put(forged, HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "does not name exactly one record" in messages(found)


def test_state_that_does_not_follow_is_found(hand: Hand, engine: Engine) -> None:
    lie = {"dev.floe.state.before": f"sha256:{'0' * 64}"}
    hand.put(hand.edited(HEAD, lambda m: m["annotations"].update(lie)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "its state does not follow" in messages(found)


def test_lock_removed_from_the_state_is_found(hand: Hand, engine: Engine) -> None:
    lock(engine)

    def wipe(manifest: dict[str, Any]) -> None:
        manifest["annotations"]["dev.floe.state.locked"] = "false"
        del manifest["annotations"]["dev.floe.state.lock"]

    hand.put(hand.edited(HEAD, wipe), HEAD, f"{ENTRY}.6")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 6)]
    assert "its state" in messages(found)


def test_record_attached_to_another_artifact_is_found(hand: Hand, engine: Engine) -> None:
    other = hand.manifest("v1.0.1-dev").descriptor.to_json()
    hand.put(hand.edited(HEAD, lambda m: m.update(subject=other)), HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("altered", 5)]
    assert "attached to a different artifact than its record names" in messages(found)


def test_record_of_another_kind_is_found(hand: Hand, engine: Engine) -> None:
    forged = hand.edited(
        HEAD, lambda m: m.update(artifactType="application/vnd.floe.rollback.v1+json")
    )
    hand.put(forged, HEAD, f"{ENTRY}.5")

    found = stranger_audit(engine)

    assert summarize(found.problems)[:2] == [("altered", None), ("void", 5)]
    assert "its manifest has another type than its record, a promotion" in messages(found)
    assert found.entries == 4


def test_missing_record_is_found(hand: Hand, engine: Engine) -> None:
    hand.remove_blob(f"{ENTRY}.2")

    found = stranger_audit(engine, full=True)

    assert stranger_audit(engine).sound
    assert summarize(found.problems) == [("missing", 2)]
    assert "its record is missing" in messages(found)
    assert found.entries == 5


def test_entry_of_another_ledger_is_found(hand: Hand, engine: Engine) -> None:
    hand.point("floe-head.prod", at=HEAD)

    found = stranger_audit(engine, "prod")

    assert summarize(found.problems) == [("altered", None)]
    assert "it belongs to the ledger of 'staging'" in messages(found)


def test_bytes_altered_in_place_are_found(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        promote_versions(layout, engine)
        hand = Hand(layout)
        record = hand.manifest(f"{ENTRY}.2").view.config
        assert record is not None
        hand.overwrite(record.digest, b"{}")
        hand.overwrite(str(hand.manifest(f"{ENTRY}.3").digest), b"{}")

        found = stranger_audit(engine, full=True)

    assert summarize(found.problems) == [("altered", 3), ("altered", 2), ("unrecorded", tag(3))]
    assert "its manifest cannot be read" in messages(found)
    assert "its record cannot be read" in messages(found)


def test_names_in_findings_are_escaped(hand: Hand, engine: Engine) -> None:
    lock(engine)
    unlock(engine)
    hand.point(HEAD, at=f"{ENTRY}.6")
    forged = hand.rewritten(
        f"{ENTRY}.7",
        lambda record: record.update(operator="\x1b[31mmallory"),
        lambda annotations: annotations.update({"dev.floe.unlock.operator": "\x1b[31mmallory"}),
    )
    hand.put(forged, f"{ENTRY}.7")

    found = stranger_audit(engine)

    assert summarize(found.notes) == [("interrupted", 7)]
    assert "\\x1b[31mmallory" in messages(found)
    assert "\x1b" not in messages(found)


def tag(number: int) -> str:
    return f"v1.0.{number}-staging"
