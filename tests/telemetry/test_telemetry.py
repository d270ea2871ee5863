"""Spans under the request's own trace id."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from engine.adapters.telemetry.otel import OtelTracer
from engine.domain.errors import EnvironmentLockedError
from engine.domain.trace import SPAN_GATE, SPAN_PROMOTE, SPAN_VERIFY
from engine.ports.telemetry import CURRENT_TRACE

pytestmark = pytest.mark.requirement("FR-024")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
Opened = Callable[[dict[str, str]], OtelTracer]


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def opened(exported: InMemorySpanExporter) -> Iterator[Opened]:
    tracers: list[OtelTracer] = []

    def open_with(environ: dict[str, str]) -> OtelTracer:
        tracers.append(OtelTracer(SimpleSpanProcessor(exported), environ))
        return tracers[-1]

    yield open_with
    for tracer in tracers:
        tracer.close()


def by_name(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exported.get_finished_spans()}


@pytest.mark.requirement("FR-033")
def test_verification_and_gates_are_parts_of_the_promotion_under_its_trace_id(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({})

    with tracer.trace(TRACE, SPAN_PROMOTE, from_env="staging", to_env="prod", dry_run=False):
        with tracer.span(SPAN_VERIFY, enforcement_mode="enforce") as verifying:
            verifying.set_attributes(cached=True)
        with tracer.span(SPAN_GATE + "tests", gate_type="tests", timeout_seconds=300):
            pass

    spans = by_name(exported)
    promote = spans["floe.oci.promote"]
    assert promote.parent is None
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {TRACE}
    for part in (spans["floe.oci.promote.verify"], spans["floe.oci.gate.tests"]):
        assert part.parent is not None
        assert part.parent.span_id == promote.context.span_id
    assert promote.attributes == {"from_env": "staging", "to_env": "prod", "dry_run": False}
    verify = spans["floe.oci.promote.verify"]
    assert verify.attributes == {"enforcement_mode": "enforce", "cached": True}


def test_the_trace_floe_was_started_in_goes_on(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({"TRACEPARENT": f"00-{TRACE}-{SPAN}-01"})

    with tracer.trace(TRACE, SPAN_PROMOTE):
        pass
    with tracer.trace("a" * 32, "other"):
        pass

    spans = by_name(exported)
    parent = spans[SPAN_PROMOTE].parent
    assert parent is not None
    assert f"{parent.span_id:016x}" == SPAN
    assert spans["other"].parent is None
    assert f"{spans['other'].context.trace_id:032x}" == "a" * 32


def test_what_the_caller_did_not_sample_is_not_exported(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({"TRACEPARENT": f"00-{TRACE}-{SPAN}-00"})

    with tracer.trace(TRACE, SPAN_PROMOTE), tracer.span(SPAN_VERIFY):
        pass

    assert exported.get_finished_spans() == ()


def test_gates_in_other_threads_are_parts_too(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({})

    with tracer.trace(TRACE, SPAN_PROMOTE) as promote, ThreadPoolExecutor(2) as pool:

        def gate(kind: str) -> str | None:
            with promote.span(SPAN_GATE + kind), tracer.span("inside"):
                return CURRENT_TRACE.get()

        traces = list(pool.map(gate, ["tests", "security_scan"]))

    assert traces == [TRACE, TRACE]
    spans = exported.get_finished_spans()
    root = by_name(exported)[SPAN_PROMOTE]
    gates = {span.context.span_id for span in spans if span.name.startswith(SPAN_GATE)}
    assert {
        span.parent.span_id for span in spans if span.context.span_id in gates if span.parent
    } == {root.context.span_id}
    assert {span.parent.span_id for span in spans if span.name == "inside" if span.parent} == gates


def test_two_requests_side_by_side_keep_their_traces_apart(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({})

    def request(number: int) -> None:
        with tracer.trace(f"{number:032x}", "outer"):
            time.sleep(0.02)
            with tracer.span(f"inner {number}"):
                time.sleep(0.02)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(request, range(1, 9)))

    inner = [span for span in exported.get_finished_spans() if span.name != "outer"]
    assert {span.name: span.context.trace_id for span in inner} == {
        f"inner {number}": number for number in range(1, 9)
    }


def test_an_error_is_the_outcome_and_shows_no_foreign_words(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({})

    with pytest.raises(EnvironmentLockedError), tracer.trace(TRACE, SPAN_PROMOTE):
        with pytest.raises(ValueError, match="hunter2"), tracer.span("foreign"):
            raise ValueError("https://hooks.acme.com/hunter2")
        raise EnvironmentLockedError("Environment 'prod' is locked")

    spans = by_name(exported)
    assert spans[SPAN_PROMOTE].status.status_code is StatusCode.ERROR
    assert spans[SPAN_PROMOTE].status.description == "Environment 'prod' is locked"
    assert spans["foreign"].attributes == {"error.type": "ValueError"}
    assert "hunter2" not in spans["foreign"].to_json()


def test_span_without_a_trace_is_not_exported(
    opened: Opened, exported: InMemorySpanExporter
) -> None:
    tracer = opened({})

    with tracer.span(SPAN_VERIFY) as span:
        span.set_attributes(cached=False)

    assert exported.get_finished_spans() == ()
