"""What the engine tells about itself: spans, numbers, and the trace its log lines belong to."""

# ruff: noqa: ARG002 - whoever tells nobody needs no arguments.

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from engine.domain.errors import PromotionError

Attribute = str | bool | int | float

# The trace a thread works for; pools do not hand it on, `tracing` does.
CURRENT_TRACE: ContextVar[str | None] = ContextVar("floe_trace", default=None)

# Names and labels of metrics. Durations are seconds.
PROMOTIONS = "floe_promotions_total"  # environment, outcome
ROLLBACKS = "floe_rollbacks_total"  # environment, outcome
GATE_SECONDS = "floe_gate_duration_seconds"  # gate, status
APPROVAL_SECONDS = "floe_approval_wait_seconds"  # environment
QUEUE_DEPTH = "floe_queue_depth"  # queue
SLACK_DELIVERIES = "floe_slack_deliveries_total"  # outcome
WEBHOOK_DELIVERIES = "floe_webhook_deliveries_total"  # outcome


@contextmanager
def tracing(trace_id: str) -> Iterator[None]:
    """What this thread logs belongs to `trace_id`, 32 hex digits."""
    token = CURRENT_TRACE.set(trace_id)
    try:
        yield
    finally:
        CURRENT_TRACE.reset(token)


class Span(Protocol):
    """A piece of work that is under way; other threads than its own may use it too."""

    def note(self, **attributes: Attribute) -> None:
        """Add what is only known by now."""
        ...

    def end(self, outcome: str, error: PromotionError | None = None) -> None:
        """How the work ended, as `floe.outcome` and `floe.reason_code`; an `error` fails it."""
        ...

    def fail(self, reason: str) -> None:
        """The work did not succeed; nothing was raised for it."""
        ...

    def span(self, name: str, **attributes: Attribute) -> "AbstractContextManager[Span]":
        """A part of this piece of work, in whatever thread it is done."""
        ...


class Tracer(Protocol):
    """Never raises, never waits: what cannot be told is not told."""

    def trace(
        self, trace_id: str, name: str, **attributes: Attribute
    ) -> AbstractContextManager[Span]:
        """
        The first span of the trace `trace_id` (32 hex digits, as in the record); spans inside are
        its parts. When floe was started within that trace (TRACEPARENT), it is a part itself.
        """
        ...

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        """
        A part of what this thread is doing; an error that leaves it is its outcome.

        Where nothing is under way, nothing is told.
        """
        ...

    def close(self) -> None:
        """Tell what is left, for a few seconds at most."""
        ...


class Metrics(Protocol):
    """Numbers for whoever watches. Never raises, never waits."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a total."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more duration."""
        ...

    def level(self, name: str, value: float, **labels: str) -> None:
        """How many there are now."""
        ...


class NoSpan:
    """Implements `Span` for nobody."""

    def note(self, **attributes: Attribute) -> None: ...

    def end(self, outcome: str, error: PromotionError | None = None) -> None: ...

    def fail(self, reason: str) -> None: ...

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        return nullcontext(self)


class NoTracer:
    """Implements `Tracer` where nobody asked for spans; log lines still know their trace."""

    @contextmanager
    def trace(self, trace_id: str, name: str, **attributes: Attribute) -> Iterator[Span]:
        with tracing(trace_id):
            yield NO_SPAN

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        return nullcontext(NO_SPAN)

    def close(self) -> None: ...


class NoMetrics:
    """Implements `Metrics` where nobody watches."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...
    def observe(self, name: str, seconds: float, **labels: str) -> None: ...
    def level(self, name: str, value: float, **labels: str) -> None: ...


NO_SPAN = NoSpan()
NO_TRACER = NoTracer()
NO_METRICS = NoMetrics()
