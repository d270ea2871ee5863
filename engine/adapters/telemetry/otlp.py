"""Exports spans over OTLP/HTTP, and says once when nobody takes them."""

import logging
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from engine.adapters.telemetry.otel import OtelTracer
from engine.telemetry import Tracer

_log = logging.getLogger(__name__)


def open_otlp(environ: Mapping[str, str]) -> Tracer:
    """Endpoint, headers, timeout, sampling and batches are those of the OTEL_ variables."""
    # Theirs would be several lines with stack traces for every batch; ours is one sentence.
    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return OtelTracer(BatchSpanProcessor(_Speaking(OTLPSpanExporter(), _where(environ))), environ)


class _Speaking(SpanExporter):
    """`exporter`, whose first failure is said."""

    def __init__(self, exporter: SpanExporter, where: str) -> None:
        self._exporter = exporter
        self._where = where
        self._said = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS and not self._said:
            self._said = True
            _log.warning("the collector at %s did not take the traces of floe", self._where)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _where(environ: Mapping[str, str]) -> str:
    """Scheme and host of the endpoint: the rest of it may be a secret."""
    url = (
        environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or "http://localhost:4318"
    )
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
