"""Records: frozen, unchanged by round trips, and of the published schema."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.domain.annotations import MAX_BYTES, record_annotations, record_from_annotations
from engine.domain.gate import GateKind, GateResult, GateStatus, SecuritySummary
from engine.domain.record import RECORD_KINDS, record_from_bytes, record_schema
from tests.domain.records import a_promotion, a_rollback, one_of_each

SCHEMA = Path(__file__).parents[2] / "docs/schema/record-v2.json"
RECORDS = one_of_each()


def test_there_is_one_record_of_every_kind():
    assert tuple(record.kind for record in RECORDS) == RECORD_KINDS


@pytest.mark.requirement("FR-027")
@pytest.mark.parametrize("record", RECORDS, ids=RECORD_KINDS)
def test_record_survives_a_round_trip_through_bytes(record):
    assert record_from_bytes(record.to_bytes()) == record
    assert record_from_bytes(record.to_bytes()).to_bytes() == record.to_bytes()


@pytest.mark.requirement("FR-023")
@pytest.mark.parametrize("record", RECORDS, ids=RECORD_KINDS)
def test_record_survives_a_round_trip_through_annotations(record):
    annotations = record_annotations(record)

    assert record_from_annotations(record.kind, annotations) == record
    assert all(key.startswith(f"dev.floe.{record.kind}.") for key in annotations)


@given(st.text(min_size=1, max_size=50).filter(lambda t: t.encode("utf-8", "ignore").decode() == t))
def test_any_reason_stays_text_in_annotations(reason):
    record = a_rollback(reason=reason)

    assert record_from_annotations("rollback", record_annotations(record)) == record
    assert record_from_bytes(record.to_bytes()) == record


@pytest.mark.parametrize("reason", ["[" * 2000, '{"a":' * 400, "[" * 2000 + "]" * 2000])
def test_reason_of_brackets_stays_text_in_annotations(reason):
    record = a_rollback(reason=reason)

    assert record_from_annotations("rollback", record_annotations(record)) == record


def test_too_deeply_nested_annotations_are_refused():
    annotations = record_annotations(a_rollback()) | {
        "dev.floe.rollback.impact_analysis": "[" * 100_000
    }

    with pytest.raises(ValueError, match="impact_analysis"):
        record_from_annotations("rollback", annotations)


@pytest.mark.requirement("FR-026")
def test_a_record_cannot_be_changed():
    with pytest.raises(ValidationError):
        a_promotion().version = "v9.9.9"


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact_digest": "sha256:short"},
        {"trace_id": "not hex"},
        {"promoted_at": "2026-01-01T00:00:00"},
        {"promoted_at": "9999-12-31T23:59:59-23:59"},
        {"schema_version": 1},
        {"surprise": 1},
    ],
)
def test_inconsistent_record_is_refused(changes):
    with pytest.raises(ValidationError):
        a_promotion(**changes)


@pytest.mark.requirement("NFR-005")
def test_large_details_are_shortened_and_the_core_stays():
    summary = SecuritySummary(
        critical_count=5000,
        high_count=0,
        medium_count=0,
        low_count=0,
        unknown_count=0,
        blocking_cves=tuple(f"CVE-2026-{n:05}" for n in range(5000)),
    )
    scan = GateResult(
        gate=GateKind.SECURITY_SCAN,
        status=GateStatus.FAILED,
        error="x" * 1_000_000,
        security_summary=summary,
    )
    record = a_promotion(gate_results=(scan,))

    annotations = record_annotations(record)

    assert sum(len(k) + len(v) for k, v in annotations.items()) <= MAX_BYTES
    assert annotations["dev.floe.promotion.promotion_id"] == record.id
    assert json.loads(annotations["dev.floe.promotion.gate_results"])[0]["status"] == "failed"
    assert record_from_annotations("promotion", annotations) is None
    assert record_from_bytes(record.to_bytes()) == record


def test_the_schema_is_the_one_that_was_published():
    published = json.loads(SCHEMA.read_text())

    assert record_schema() == published, (
        "the record format changed: records are for good, so add a schema version"
    )
