"""Telemetry of the engine: spans, metrics, and the trace id of log lines."""

# ruff: noqa: ARG002 - implementations that do nothing use no arguments.

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from engine.domain.errors import PromotionError

Attribute = str | bool | int | float

# The trace id of the current thread. Pools do not pass it on to their threads; `tracing` sets it.
CURRENT_TRACE: ContextVar[str | None] = ContextVar("floe_trace", default=None)

# Names and labels of metrics. Durations are seconds.
PROMOTIONS = "floe_promotions_total"  # environment, outcome
ROLLBACKS = "floe_rollbacks_total"  # environment, outcome
GATE_SECONDS = "floe_gate_duration_seconds"  # gate, status
APPROVAL_SECONDS = "floe_approval_wait_seconds"  # environment
QUEUE_DEPTH = "floe_queue_depth"  # queue
QUEUE_OLDEST = "floe_queue_oldest_seconds"  # queue
REGISTRY_REQUESTS = "floe_registry_requests_total"  # registry, outcome
STORE_UP = "floe_store_up"  # store
STORE_SECONDS = "floe_store_read_seconds"  # store
UNWITNESSED = "floe_ledger_unwitnessed_entries"  # environment
SLACK_DELIVERIES = "floe_slack_deliveries_total"  # outcome
WEBHOOK_DELIVERIES = "floe_webhook_deliveries_total"  # outcome


@contextmanager
def tracing(trace_id: str) -> Iterator[None]:
    """Set the trace id (32 hex digits) for the log lines of this thread."""
    token = CURRENT_TRACE.set(trace_id)
    try:
        yield
    finally:
        CURRENT_TRACE.reset(token)


class Span(Protocol):
    """An open span; any thread may use it."""

    def set_attributes(self, **attributes: Attribute) -> None:
        """Add attributes."""
        ...

    def end(self, outcome: str, error: PromotionError | None = None) -> None:
        """Set `floe.outcome` and `floe.reason_code`; with an `error` the span has failed."""
        ...

    def fail(self, reason: str) -> None:
        """Mark the span as failed, without an exception."""
        ...

    def span(self, name: str, **attributes: Attribute) -> "AbstractContextManager[Span]":
        """Open a child span, in any thread."""
        ...


class Tracer(Protocol):
    """Exports spans. It never raises or blocks; spans that cannot be exported are dropped."""

    def trace(
        self, trace_id: str, name: str, **attributes: Attribute
    ) -> AbstractContextManager[Span]:
        """
        Open the root span of the trace `trace_id` (32 hex digits, as in the record).

        If floe was started within that trace (TRACEPARENT), it is a child span.
        """
        ...

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        """
        Open a child of this thread's span; an exception in it is its outcome.

        Without an open span in this thread, it does nothing.
        """
        ...

    def close(self) -> None:
        """Export the remaining spans, for a few seconds at most."""
        ...


class Metrics(Protocol):
    """Records metrics. It never raises or blocks."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration in seconds to a histogram."""
        ...

    def level(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...


class NoSpan:
    """Implements `Span` without effect."""

    def set_attributes(self, **attributes: Attribute) -> None: ...

    def end(self, outcome: str, error: PromotionError | None = None) -> None: ...

    def fail(self, reason: str) -> None: ...

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        return nullcontext(self)


class NoTracer:
    """Implements `Tracer` without spans; log lines still have their trace id."""

    @contextmanager
    def trace(self, trace_id: str, name: str, **attributes: Attribute) -> Iterator[Span]:
        with tracing(trace_id):
            yield NO_SPAN

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        return nullcontext(NO_SPAN)

    def close(self) -> None: ...


class NoMetrics:
    """Implements `Metrics` without effect."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...
    def observe(self, name: str, seconds: float, **labels: str) -> None: ...
    def level(self, name: str, value: float, **labels: str) -> None: ...


NO_SPAN = NoSpan()
NO_TRACER = NoTracer()
NO_METRICS = NoMetrics()
