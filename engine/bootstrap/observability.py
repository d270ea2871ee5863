"""Metrics for Prometheus, and the configuration of logs."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Protocol, TextIO

from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.platform import Products
from engine.ports.change_store import ChangeStore
from engine.ports.telemetry import (
    APPROVAL_SECONDS,
    PROMOTIONS,
    QUEUE_DEPTH,
    QUEUE_OLDEST,
    ROLLBACKS,
    STORE_SECONDS,
    STORE_UP,
    Metrics,
)

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


# The store of changes: the state directory, or the database of several servers.
_STATE = "state"
# Counts the entries of a queue, and returns the time of the oldest one.
Backlog = Callable[[], tuple[int, datetime | None]]


def render_metrics(
    metrics: RenderedMetrics, products: Products, queues: Mapping[str, Backlog] | None = None
) -> str:
    """Update the queues and the state of the store, and render all metrics."""
    started = time.monotonic()
    try:
        changes = products.store.open()
    except PromotionError as error:
        _log.warning("the store cannot be read: %s", error)
        metrics.level(STORE_UP, 0, store=_STATE)
        return metrics.render()
    metrics.level(STORE_UP, 1, store=_STATE)
    metrics.level(STORE_SECONDS, time.monotonic() - started, store=_STATE)
    now = products.worker.clock.now()
    oldest = min((change.created_at for change in changes), default=None)
    _set_queue(metrics, "changes", (len(changes), oldest), now)
    backlogs: dict[str, Backlog] = {"webhooks": partial(_webhooks, products), **(queues or {})}
    for name, read in backlogs.items():
        try:
            _set_queue(metrics, name, read(), now)
        except PromotionError as error:
            _log.warning("the queue %s cannot be read: %s", name, error)
    return metrics.render()


def _webhooks(products: Products) -> tuple[int, datetime | None]:
    found = [each.engine.webhooks.backlog() for each in products.values()]
    oldest = min((at for _, at in found if at is not None), default=None)
    return sum(count for count, _ in found), oldest


def _set_queue(
    metrics: Metrics, queue: str, backlog: tuple[int, datetime | None], now: datetime
) -> None:
    count, oldest = backlog
    age = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    metrics.level(QUEUE_DEPTH, count, queue=queue)
    metrics.level(QUEUE_OLDEST, age, queue=queue)


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
