"""Metrics of a server, in the text format of Prometheus."""

import logging
import threading
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from engine.ports.telemetry import (
    APPROVAL_SECONDS,
    GATE_SECONDS,
    PROMOTIONS,
    QUEUE_DEPTH,
    QUEUE_OLDEST,
    REGISTRY_REQUESTS,
    ROLLBACKS,
    SLACK_DELIVERIES,
    STORE_SECONDS,
    STORE_UP,
    UNWITNESSED,
    WEBHOOK_DELIVERIES,
)

_log = logging.getLogger(__name__)
# Labels come from configuration and verdicts; this bounds a label that comes from a request.
_MAX_SERIES = 1000
_MAX_SERIES_OF_PRODUCTS = 50_000
_MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_HOURS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)
_COUNTERS = {
    PROMOTIONS: ("Promotions by outcome.", ("environment", "outcome")),
    ROLLBACKS: ("Rollbacks by outcome.", ("environment", "outcome")),
    SLACK_DELIVERIES: ("Messages to Slack by outcome.", ("outcome",)),
    WEBHOOK_DELIVERIES: ("Attempts to deliver to webhooks by outcome.", ("outcome",)),
    REGISTRY_REQUESTS: ("Requests to a registry by outcome.", ("registry", "outcome")),
}
_GAUGES = {
    QUEUE_DEPTH: ("Waiting changes and deliveries.", ("queue",)),
    QUEUE_OLDEST: ("Age of the oldest waiting change or delivery.", ("queue",)),
    STORE_UP: ("Whether the store answered.", ("store",)),
    STORE_SECONDS: ("Duration of reading the open changes from the store.", ("store",)),
    UNWITNESSED: ("Entries that no witness has signed as far as known.", ("environment",)),
}
_HISTOGRAMS = {
    GATE_SECONDS: ("Duration of gates.", ("gate", "status"), _MINUTES),
    APPROVAL_SECONDS: ("Time changes waited for approval.", ("environment",), _HOURS),
}
_OF_PRODUCT = frozenset({PROMOTIONS, ROLLBACKS, GATE_SECONDS, APPROVAL_SECONDS, UNWITNESSED})
_LABELS = {name: labels for name, (_, labels) in {**_COUNTERS, **_GAUGES}.items()}
_LABELS |= {name: labels for name, (_, labels, _) in _HISTOGRAMS.items()}
Metric = TypeVar("Metric", Counter, Gauge, Histogram)


class PrometheusMetrics:
    """
    Implements `engine.ports.telemetry.Metrics`. Metrics and labels that are not declared here are
    logged and left out.

    With `several` products, the metrics in `_OF_PRODUCT` have the label `product`.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._products = _OF_PRODUCT if several else frozenset()
        self._most = _MAX_SERIES_OF_PRODUCTS if several else _MAX_SERIES
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._series: dict[str, set[tuple[str, ...]]] = {name: set() for name in _LABELS}
        self._counters = {
            name: Counter(name, text, self._labels(name), registry=self._registry)
            for name, (text, _) in _COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self._registry)
            for name, (text, labels) in _GAUGES.items()
        }
        self._histograms = {
            name: Histogram(
                name, text, self._labels(name), buckets=buckets, registry=self._registry
            )
            for name, (text, _, buckets) in _HISTOGRAMS.items()
        }

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        counter = self._find(self._counters, name, labels)
        if counter and amount > 0:
            counter.inc(amount)

    def level(self, name: str, value: float, **labels: str) -> None:
        gauge = self._find(self._gauges, name, labels)
        if gauge:
            gauge.set(value)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        histogram = self._find(self._histograms, name, labels)
        if histogram:
            histogram.observe(seconds)

    def render(self) -> str:
        """Render all metrics in version 0.0.4 of the text format."""
        return generate_latest(self._registry).decode()

    def _find(self, metrics: dict[str, Metric], name: str, labels: dict[str, str]) -> Metric | None:
        metric, product = metrics.get(name), labels.pop("product", "")
        if metric is None or labels.keys() != set(_LABELS[name]):
            _log.error("metric %s with labels %s is not declared", name, sorted(labels))
            return None
        if name in self._products:
            labels["product"] = product
        key = tuple(labels[label] for label in self._labels(name))
        with self._lock:
            known = self._series[name]
            if key not in known and len(known) >= self._most:
                return None
            known.add(key)
        return metric.labels(**labels)

    def _labels(self, name: str) -> tuple[str, ...]:
        return ("product", *_LABELS[name]) if name in self._products else _LABELS[name]
