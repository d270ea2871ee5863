"""Export spans over OTLP/HTTP, and log the first failure."""

import logging
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers

from engine.adapters.telemetry.otel import OtelTracer
from engine.ports.telemetry import Tracer

_log = logging.getLogger(__name__)
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def open_otlp(environ: Mapping[str, str]) -> Tracer:
    """Open the exporter, which reads its settings from the OTEL_ variables."""
    # The SDK logs stack traces for every batch, and headers, which are secrets.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    for name in filter(environ.get, _HEADERS):
        if not _is_valid(environ[name]):
            _log.warning("%s is not a list of name=value pairs: the invalid part is not sent", name)
    return OtelTracer(
        BatchSpanProcessor(_WarningExporter(OTLPSpanExporter(), _endpoint(environ))), environ
    )


class _WarningExporter(SpanExporter):
    """Exports with `exporter` and logs its first failure."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._warned = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS and not self._warned:
            self._warned = True
            _log.warning("the collector at %s did not accept the traces of floe", self._endpoint)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _is_valid(headers: str) -> bool:
    """Whether the exporter accepts `headers` (W3C Baggage, without properties)."""
    wanted = [part for part in headers.split(",") if part.strip()]
    return all(parse_env_headers(part, liberal=True) for part in wanted)


def _endpoint(environ: Mapping[str, str]) -> str:
    """Return scheme and host of the endpoint: the rest may be secret."""
    url = (
        environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or "http://localhost:4318"
    )
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
