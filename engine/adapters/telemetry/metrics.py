"""Numbers kept in memory, and their text for Prometheus."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from engine.ports.telemetry import (
    APPROVAL_SECONDS,
    GATE_SECONDS,
    PROMOTIONS,
    QUEUE_DEPTH,
    ROLLBACKS,
    SLACK_DELIVERIES,
    WEBHOOK_DELIVERIES,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Labels come from configuration and verdicts; this is for the day somebody forgets that.
_MAX_SERIES = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Metric:
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


_MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_HOURS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)
_METRICS = {
    PROMOTIONS: _Metric("counter", "Promotions by outcome.", ("environment", "outcome")),
    ROLLBACKS: _Metric("counter", "Rollbacks by outcome.", ("environment", "outcome")),
    GATE_SECONDS: _Metric("histogram", "How long gates took.", ("gate", "status"), _MINUTES),
    APPROVAL_SECONDS: _Metric(
        "histogram", "How long changes waited for approval.", ("environment",), _HOURS
    ),
    QUEUE_DEPTH: _Metric("gauge", "What waits to be worked on.", ("queue",)),
    SLACK_DELIVERIES: _Metric("counter", "Messages to Slack by outcome.", ("outcome",)),
    WEBHOOK_DELIVERIES: _Metric("counter", "Attempts to tell webhooks by outcome.", ("outcome",)),
}
Labels = tuple[str, ...]


@dataclass(slots=True)
class _Series:
    """A total or level in `value`; of a histogram the sum, with counts up to each bucket."""

    value: float = 0.0
    count: int = 0
    buckets: list[int] = field(default_factory=list)


class PrometheusMetrics:
    """
    Implements `engine.ports.telemetry.Metrics`. Metrics and labels that are not declared here are
    logged and left out.

    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, dict[Labels, _Series]] = {name: {} for name in _METRICS}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        with self._lock:
            series = self._of(name, "counter", labels)
            if series and amount > 0:
                series.value += amount

    def level(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            series = self._of(name, "gauge", labels)
            if series:
                series.value = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        with self._lock:
            series = self._of(name, "histogram", labels)
            if not series:
                return
            bounds = _METRICS[name].buckets
            series.buckets = series.buckets or [0] * len(bounds)
            for place, bound in enumerate(bounds):
                series.buckets[place] += seconds <= bound
            series.value += seconds
            series.count += 1

    def render(self) -> str:
        """Everything, as CONTENT_TYPE says."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _of(self, name: str, kind: str, labels: dict[str, str]) -> _Series | None:
        metric = _METRICS.get(name)
        if metric is None or metric.kind != kind or set(metric.labels) != labels.keys():
            _log.error("there is no %s %s with labels %s", kind, name, sorted(labels))
            return None
        known = self._series[name]
        key = tuple(labels[label] for label in metric.labels)
        if key not in known and len(known) >= _MAX_SERIES:
            return None
        return known.setdefault(key, _Series())

    def _lines(self) -> Iterator[str]:
        for name, metric in _METRICS.items():
            yield f"# HELP {name} {metric.text}"
            yield f"# TYPE {name} {metric.kind}"
            for key, series in sorted(self._series[name].items()):
                labels = dict(zip(metric.labels, key, strict=True))
                if metric.kind == "histogram":
                    yield from _histogram(name, metric, labels, series)
                else:
                    yield f"{name}{_labelled(labels)} {series.value!r}"


def _histogram(
    name: str, metric: _Metric, labels: dict[str, str], series: _Series
) -> Iterator[str]:
    for bound, count in zip(metric.buckets, series.buckets, strict=True):
        yield f"{name}_bucket{_labelled(labels | {'le': f'{bound:g}'})} {count}"
    yield f"{name}_bucket{_labelled(labels | {'le': '+Inf'})} {series.count}"
    yield f"{name}_sum{_labelled(labels)} {series.value!r}"
    yield f"{name}_count{_labelled(labels)} {series.count}"


def _labelled(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
