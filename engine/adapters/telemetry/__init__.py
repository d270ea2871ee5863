"""Telemetry: spans over OpenTelemetry, metrics for Prometheus, log lines as JSON."""

from engine.adapters.telemetry.factory import open_tracer
from engine.adapters.telemetry.logs import configure_logs
from engine.adapters.telemetry.metrics import PrometheusMetrics

__all__ = ["PrometheusMetrics", "configure_logs", "open_tracer"]
