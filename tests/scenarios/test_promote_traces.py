"""Spans of a promotion: promote, with verify and every gate below it (FR-024)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from engine.adapters.telemetry.otel import OtelTracer
from engine.api import Engine
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import ArtifactNotFoundError
from engine.domain.gate import GateKind
from engine.domain.request import LockRequest
from engine.domain.signature import SignatureVerdict
from engine.domain.trace import SPAN_PROMOTE, SPAN_ROLLBACK
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import (
    ALICE,
    TRACE_ID,
    ProgressLog,
    engine_on,
    gate,
    path_of,
    promote,
    with_parts,
)
from tests.scenarios.verbs import lock, roll_back, unlock

pytestmark = pytest.mark.requirement("FR-024")


class AlwaysSigned:
    """Reports every artifact as signed: signatures are tested elsewhere."""

    def verify(self, registry: object, manifest: object) -> SignatureVerdict:
        return SignatureVerdict("key", fingerprint="sha256:abc", problem=None)


def test_gates_and_verification_are_child_spans_of_the_promotion(place: Place, tmp_path: Path):
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
    gates = (gate("true"), gate("sleep", "0.05", kind=GateKind.COST_ANALYSIS))
    staging = Environment("staging", gates=gates, signature=Enforcement.ENFORCE)
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(exporter), {})

    with engine_on(place.registry, tmp_path, path_of("dev", staging)) as engine:
        engine = with_parts(engine, tracer=tracer, verifier=AlwaysSigned())
        promote(engine, "v1.0.0", "staging")
        first = {span.name: span for span in exporter.get_finished_spans()}
        exporter.clear()
        promote(engine, "v2.0.0", "staging")
        roll_back(engine, "v1.0.0")
        later = {span.name: span for span in exporter.get_finished_spans()}
    tracer.close()

    root = first[SPAN_PROMOTE]
    parts = [
        *("floe.oci.gate.cost_analysis", "floe.oci.gate.policy_compliance"),
        *("floe.oci.gate.tests", "floe.oci.promote.verify"),
    ]
    assert sorted(first) == sorted([*parts, SPAN_PROMOTE])
    assert {first[name].parent.span_id for name in parts} == {root.context.span_id}
    assert {f"{span.context.trace_id:032x}" for span in first.values()} == {TRACE_ID}
    assert root.attributes["to_env"] == "staging"
    assert root.attributes["dry_run"] is False
    assert root.attributes["floe.outcome"] == "promoted"
    assert root.status.status_code is StatusCode.UNSET
    assert root.attributes["artifact_ref"] == f"{place.registry.reference}:v1.0.0-dev"
    assert first["floe.oci.gate.policy_compliance"].attributes["status"] == "passed"
    assert first["floe.oci.gate.tests"].attributes["timeout_seconds"] == 30
    assert first["floe.oci.gate.tests"].attributes["duration_ms"] >= 0
    assert first["floe.oci.promote.verify"].attributes["enforcement_mode"] == "enforce"
    assert first["floe.oci.promote.verify"].attributes["cached"] is False
    assert later[SPAN_ROLLBACK].attributes["environment"] == "staging"
    assert later[SPAN_ROLLBACK].attributes["artifact_ref"] == (
        f"{place.registry.reference}:v1.0.0-staging"
    )


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def engine(place: Place, tmp_path: Path, exported: InMemorySpanExporter) -> Iterator[Engine]:
    """An engine with a failing gate; v1.0.0 was published to dev."""
    place.push(image(b"v1.0.0"), "v1.0.0-dev")
    tracer = OtelTracer(SimpleSpanProcessor(exported), {})
    staging = Environment("staging", gates=(gate("false"),))
    with engine_on(place.registry, tmp_path, path_of("dev", staging)) as running:
        yield with_parts(running, tracer=tracer)
    tracer.close()


def spans(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exported.get_finished_spans()}


def test_promotion_stopped_by_a_gate_is_an_error_span(engine: Engine, exported) -> None:
    promote(engine, "v1.0.0", "staging")

    found = spans(exported)
    root, tests = found[SPAN_PROMOTE], found["floe.oci.gate.tests"]
    assert root.status.status_code is StatusCode.ERROR
    assert root.attributes["floe.outcome"] == "blocked"
    assert root.attributes["floe.reason_code"] == "gate_failed"
    assert tests.status.status_code is StatusCode.ERROR
    assert tests.attributes["status"] == "failed"


def test_promotion_of_a_missing_version_is_an_error_span_with_its_reason(
    engine: Engine, exported
) -> None:
    with pytest.raises(ArtifactNotFoundError):
        promote(engine, "v9.0.0", "staging")

    root = spans(exported)[SPAN_PROMOTE]
    assert root.status.status_code is StatusCode.ERROR
    assert root.attributes["floe.outcome"] == "failed"
    assert root.attributes["floe.reason_code"] == "artifact_not_found"


def test_lock_and_unlock_have_spans(engine: Engine, exported) -> None:
    lock(engine)
    unlock(engine)

    found = spans(exported)
    assert found["floe.oci.lock"].attributes["environment"] == "staging"
    assert found["floe.oci.lock"].attributes["floe.outcome"] == "locked"
    assert found["floe.oci.unlock"].attributes["floe.outcome"] == "unlocked"


def test_refused_lock_is_an_error_span(engine: Engine, exported) -> None:
    lock(engine)
    exported.clear()

    engine.run(LockRequest("staging", ALICE, TRACE_ID, "again"), ProgressLog())

    root = spans(exported)["floe.oci.lock"]
    assert root.status.status_code is StatusCode.ERROR
    assert root.attributes["floe.reason_code"] == "environment_locked"
