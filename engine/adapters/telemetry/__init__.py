"""Telemetry: spans over OpenTelemetry, numbers for Prometheus, log lines as JSON."""

from engine.adapters.telemetry.logs import configure_logs
from engine.adapters.telemetry.metrics import PrometheusMetrics
from engine.adapters.telemetry.opening import open_tracer

__all__ = ["PrometheusMetrics", "configure_logs", "open_tracer"]
