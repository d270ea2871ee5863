"""What is told to whoever watches: numbers for Prometheus, and log lines as they want them."""

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, TextIO

from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.platform import Platform
from engine.ports.change_store import ChangeStore
from engine.ports.telemetry import APPROVAL_SECONDS, PROMOTIONS, QUEUE_DEPTH, ROLLBACKS, Metrics

_log = logging.getLogger(__name__)


class Counted(Metrics, Protocol):
    """Numbers that can be shown."""

    def render(self) -> str:
        """Everything, as text for Prometheus."""
        ...


def counting() -> Counted:
    """Numbers from zero, as a server counts them."""
    numbers: Counted = import_module("engine.adapters.telemetry.metrics").PrometheusMetrics()
    return numbers


def exposition(numbers: Counted, platform: Platform) -> str:
    """All of `numbers`, with what waits at this moment."""
    try:
        numbers.level(QUEUE_DEPTH, len(platform.store.open()), queue="changes")
        numbers.level(QUEUE_DEPTH, platform.engine.webhooks.waiting(), queue="webhooks")
    except PromotionError as error:
        _log.warning("what waits is not counted: %s", error)
    return numbers.render()


def count_ended(metrics: Metrics, store: ChangeStore, change: Change) -> None:
    """What a run does not count itself: one that was blocked before it, and the wait before it."""
    if change.state is ChangeState.BLOCKED and not change.approvals:
        name = ROLLBACKS if change.action == "rollback" else PROMOTIONS
        metrics.count(name, environment=change.target, outcome=change.state.value)
    if change.state is not ChangeState.PROMOTED or not change.approvals:
        return
    asked = [e.at for e in store.events_of(change.id) if e.kind == "awaiting_approval"]
    agreed = max(approval.approved_at for approval in change.approvals)
    if asked:
        seconds = max((agreed - asked[0]).total_seconds(), 0.0)
        metrics.observe(APPROVAL_SECONDS, seconds, environment=change.target)


def configure_logs(environ: Mapping[str, str], stream: TextIO) -> None:
    """As FLOE_LOG says; ConfigError for what it cannot say."""
    import_module("engine.adapters.telemetry.logs").configure_logs(environ, stream)
