"""Where spans go: to a collector that is asked for, within bounds, or nowhere."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from engine.adapters.telemetry import open_tracer
from engine.domain.trace import SPAN_PROMOTE, SPAN_VERIFY
from engine.ports.telemetry import CURRENT_TRACE, NO_TRACER, Tracer
from tests.peers.fake_http import FakeServer, Reply, Request

pytestmark = pytest.mark.requirement("FR-024")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(FakeServer):
    """Takes traces over OTLP/HTTP."""

    def respond(self, request: Request) -> Reply:
        return Reply(200, headers={"Content-Type": "application/x-protobuf"})

    def names(self) -> set[str]:
        """Of all spans so far."""
        return {span.name for span in self.spans()}

    def spans(self) -> Iterator[object]:
        for request in self.seen("POST", "^/v1/traces$"):
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


def test_spans_reach_a_collector_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.host}")
        tracer = open_tracer(_environ(monkeypatch))

        with tracer.trace(TRACE, SPAN_PROMOTE), tracer.span(SPAN_VERIFY):
            pass
        tracer.close()

        assert collector.names() == {SPAN_PROMOTE, SPAN_VERIFY}
        [resource] = ExportTraceServiceRequest.FromString(collector.requests[0].body).resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "floe"
    assert {span.trace_id.hex() for scope in resource.scope_spans for span in scope.spans} == {
        TRACE
    }


@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_unavailable_collector_delays_a_command_only_briefly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if kind == "silent" else 1
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}/hunter2")
        tracer = open_tracer(_environ(monkeypatch))
        with tracer.trace(TRACE, SPAN_PROMOTE):
            pass
        started = time.monotonic()

        tracer.close()

        assert time.monotonic() - started < 8
    assert "no collector took the traces within 4 seconds" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is zipkin"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc: floe supports http/protobuf",
        ),
    ],
)
def test_what_cannot_be_had_is_a_warning(
    caplog: pytest.LogCaptureFixture, environ: dict[str, str], said: str
) -> None:
    tracer = open_tracer(environ)

    assert tracer is NO_TRACER
    assert said in caplog.text


def test_headers_that_cannot_be_read_are_said_and_not_shown(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2,hunter2")

    open_tracer(_environ(monkeypatch)).close()

    assert "OTEL_EXPORTER_OTLP_HEADERS is not a list of name=value pairs" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "floe"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
    ],
)
def test_nothing_is_exported_without_configuration(
    caplog: pytest.LogCaptureFixture, environ: dict[str, str]
) -> None:
    tracer: Tracer = open_tracer(environ)

    with tracer.trace(TRACE, SPAN_PROMOTE) as span, span.span(SPAN_VERIFY), tracer.span("x"):
        assert CURRENT_TRACE.get() == TRACE

    assert tracer is NO_TRACER
    assert caplog.text == ""


def test_opentelemetry_is_only_imported_when_asked_for() -> None:
    script = (
        "import sys\n"
        "from engine.adapters.telemetry import open_tracer\n"
        "with open_tracer({}).trace('a' * 32, 'x'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    done = _python(script)

    assert done.stdout == "[]\n"


def test_an_exporter_that_is_not_installed_is_a_warning() -> None:
    script = (
        "import sys\n"
        "sys.modules['opentelemetry.exporter'] = None\n"
        "from engine.adapters.telemetry import open_tracer\n"
        "from engine.ports.telemetry import NO_TRACER\n"
        "print(open_tracer({'OTEL_TRACES_EXPORTER': 'otlp'}) is NO_TRACER)"
    )

    done = _python(script)

    assert done.stdout == "True\n"
    assert "the exporter is not installed" in done.stderr
    assert "install floe[otlp]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variable", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_TRACES_SAMPLER"]
)
def test_a_setting_that_is_nonsense_stops_no_command(variable: str) -> None:
    script = (
        "import os\n"
        "from engine.adapters.telemetry import open_tracer\n"
        "tracer = open_tracer(os.environ)\n"
        "with tracer.trace('a' * 32, 'x'): pass\n"
        "tracer.close()\n"
        "print('done')"
    )

    done = _python(
        script, {variable: "nonsense", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    )

    assert done.stdout == "done\n", done.stderr
    assert "Traceback" not in done.stderr


def _environ(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """os.environ, without proxies between us and a loopback collector."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return dict(os.environ)


def _python(script: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environ or {},
        capture_output=True,
        text=True,
        timeout=60,
    )
