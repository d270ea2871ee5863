"""Metrics for Prometheus, and the configuration of logs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, TextIO

from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.platform import Products
from engine.ports.change_store import ChangeStore
from engine.ports.telemetry import APPROVAL_SECONDS, PROMOTIONS, QUEUE_DEPTH, ROLLBACKS, Metrics

_log = logging.getLogger(__name__)


class RenderedMetrics(Metrics, Protocol):
    """Metrics that can be rendered."""

    def render(self) -> str:
        """Render all metrics in the text format of Prometheus."""
        ...


@dataclass(frozen=True)
class ProductMetrics:
    """Implements `engine.ports.telemetry.Metrics`: adds a label for the product."""

    metrics: Metrics
    product: str

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.metrics.count(name, amount, **labels, product=self.product)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        self.metrics.observe(name, seconds, **labels, product=self.product)

    def level(self, name: str, value: float, **labels: str) -> None:
        self.metrics.level(name, value, **labels, product=self.product)


def new_metrics(*, several: bool = False) -> RenderedMetrics:
    """The metrics of a server, at zero; with a label for the product where there are several."""
    metrics: RenderedMetrics = import_module("engine.adapters.telemetry.metrics").PrometheusMetrics(
        several=several
    )
    return metrics


def render_metrics(metrics: RenderedMetrics, products: Products) -> str:
    """Update the lengths of the queues, and render all metrics."""
    try:
        metrics.level(QUEUE_DEPTH, len(products.store.open()), queue="changes")
        waiting = sum(each.engine.webhooks.waiting() for each in products.values())
        metrics.level(QUEUE_DEPTH, waiting, queue="webhooks")
    except PromotionError as error:
        _log.warning("queue lengths not updated: %s", error)
    return metrics.render()


def count_ended(metrics: Metrics, store: ChangeStore, change: Change) -> None:
    """Count changes that were blocked before their run, and the time for approvals."""
    if change.state is ChangeState.BLOCKED and not change.approvals:
        name = ROLLBACKS if change.action == "rollback" else PROMOTIONS
        metrics.count(name, environment=change.target, outcome=change.state.value)
    if change.state is not ChangeState.PROMOTED or not change.approvals:
        return
    waiting = [e.at for e in store.events_of(change.id) if e.kind == "awaiting_approval"]
    approved = max(approval.approved_at for approval in change.approvals)
    if waiting:
        seconds = max((approved - waiting[0]).total_seconds(), 0.0)
        metrics.observe(APPROVAL_SECONDS, seconds, environment=change.target)


def configure_logs(environ: Mapping[str, str], stream: TextIO) -> None:
    """Configure logs by FLOE_LOG; ConfigError if its value is not valid."""
    import_module("engine.adapters.telemetry.logs").configure_logs(environ, stream)
