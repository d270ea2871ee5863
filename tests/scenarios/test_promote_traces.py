"""Spans of a promotion: promote, and below it verify and every gate (FR-024)."""

from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.adapters.telemetry.otel import OtelTracer
from engine.domain.environment import Enforcement, Environment
from engine.domain.gate import GateKind
from engine.domain.signature import SignatureVerdict
from engine.domain.trace import SPAN_PROMOTE, SPAN_ROLLBACK
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import TRACE_ID, engine_on, gate, path_of, promote
from tests.scenarios.verbs import roll_back

pytestmark = pytest.mark.requirement("FR-024")


class Signed:
    """Who signed what is another component's business."""

    def verify(self, registry: object, manifest: object) -> SignatureVerdict:
        return SignatureVerdict("key", fingerprint="sha256:abc", problem=None)


def test_gates_and_verification_are_parts_of_the_promotion(place: Place, tmp_path: Path):
    for version in ("v1.0.0", "v2.0.0"):
        place.push(image(version.encode()), f"{version}-dev")
    gates = (gate("true"), gate("sleep", "0.05", kind=GateKind.COST_ANALYSIS))
    staging = Environment("staging", gates=gates, signature=Enforcement.ENFORCE)
    told = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(told), {})

    with engine_on(place.registry, tmp_path, path_of("dev", staging)) as engine:
        engine = replace(engine, tracer=tracer, verifier=Signed())
        promote(engine, "v1.0.0", "staging")
        first = {span.name: span for span in told.get_finished_spans()}
        told.clear()
        promote(engine, "v2.0.0", "staging")
        roll_back(engine, "v1.0.0")
        later = {span.name: span for span in told.get_finished_spans()}
    tracer.close()

    root = first[SPAN_PROMOTE]
    parts = ["floe.oci.gate.cost_analysis", "floe.oci.gate.tests", "floe.oci.promote.verify"]
    assert sorted(first) == sorted([*parts, SPAN_PROMOTE])
    assert {first[name].parent.span_id for name in parts} == {root.context.span_id}
    assert {f"{span.context.trace_id:032x}" for span in first.values()} == {TRACE_ID}
    assert root.attributes["to_env"] == "staging"
    assert root.attributes["dry_run"] is False
    assert first["floe.oci.gate.tests"].attributes["timeout_seconds"] == 30
    assert first["floe.oci.gate.tests"].attributes["duration_ms"] >= 0
    assert first["floe.oci.promote.verify"].attributes["enforcement_mode"] == "enforce"
    assert first["floe.oci.promote.verify"].attributes["cached"] is False
    assert later[SPAN_ROLLBACK].attributes["environment"] == "staging"
