"""One trace ID from the caller to the record, the webhook, the log and the spans (FR-024)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from demo.seed import Layout
from tests.peers.fake_http import Request
from tests.scenarios.commands import Floe
from tests.webhooks.webhook_kit import Sink

pytestmark = pytest.mark.requirement("FR-024", "FR-033")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HOOK = "/hook/hunter2-address"
SECRETS = ("hunter2-address", "hunter2-header", "hunter2-collector")


@pytest.fixture
def others() -> Iterator[Sink]:
    """A webhook and a collector at one address."""
    with Sink() as running:
        yield running


def platform(folder: Path, others: Sink, **environ: str) -> Floe:
    Layout(folder / "registry").publish("v1.0.0", {"release": 1})
    hook = "{url: '${HOOK_URL}', headers: {Authorization: 'Bearer ${HOOK_TOKEN}'}}"
    promotion = f"{{environments: [{{name: dev}}, {{name: staging}}], webhooks: [{hook}]}}"
    environ |= {
        "HOOK_URL": others.url(HOOK),
        "HOOK_TOKEN": "hunter2-header",
        "TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01",
        "FLOE_LOG": "json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{others.host}",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2-collector",
    }
    return Floe.on("oci-layout:./registry", folder, promotion, **environ)


def traces_of(exported: list[Request]) -> dict[str, str]:
    """Return the trace ID of every span, by its name."""
    return {
        span.name: span.trace_id.hex()
        for request in exported
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_record_webhook_log_and_spans_have_the_callers_trace_id(
    others: Sink, tmp_path: Path
) -> None:
    floe = platform(tmp_path, others)

    promoted = floe.promote("v1.0.0", "staging")
    history = floe.run("platform", "audit", "history", "--output", "jsonl").out

    [received] = others.seen("POST", HOOK)
    spans = traces_of(others.seen("POST", "/v1/traces"))
    lines = [json.loads(line) for line in promoted.err.splitlines() if line.startswith("{")]
    recorded = [line["trace_id"] for line in lines if "recorded promotion" in line["message"]]
    [record] = [json.loads(line) for line in history.splitlines()]
    assert promoted.document["trace_id"] == TRACE
    assert json.loads(received.body)["trace_id"] == TRACE
    assert record["trace_id"] == TRACE
    assert recorded == [TRACE]
    assert "floe.oci.promote" in spans
    assert set(spans.values()) == {TRACE}


def test_logs_and_spans_contain_no_secret_address_or_header(others: Sink, tmp_path: Path) -> None:
    floe = platform(tmp_path, others)

    promoted = floe.promote("v1.0.0", "staging")

    [received] = others.seen("POST", HOOK)
    exported = b"".join(request.body for request in others.seen("POST", "/v1/traces"))
    assert received.headers["authorization"] == "Bearer hunter2-header"
    assert b"floe.oci.promote" in exported
    for secret in SECRETS:
        assert secret.encode() not in exported
        assert secret not in promoted.out + promoted.err
