"""Requests and their gates as spans (FR-024)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context as Surroundings
from contextvars import copy_context

from engine.domain.gate import GateKind, GateResult
from engine.domain.request import PromotionRequest, Request, RollbackRequest
from engine.domain.trace import SPAN_GATE, SPAN_PROMOTE, SPAN_ROLLBACK
from engine.ports import Progress
from engine.telemetry import NO_SPAN, Span, Tracer, tracing

_Open = tuple[Surroundings, AbstractContextManager[Span], Span]


@contextmanager
def traced(tracer: Tracer, request: Request, repository: str, dry_run: bool) -> Iterator[Span]:
    """The span of a promotion or rollback; a lock has none, and its log lines their trace."""
    match request:
        case PromotionRequest():
            opened = tracer.trace(
                request.trace_id,
                SPAN_PROMOTE,
                artifact_ref=f"{repository}:{request.version}",
                from_env=request.source,
                to_env=request.target,
                dry_run=dry_run,
            )
        case RollbackRequest():
            opened = tracer.trace(
                request.trace_id,
                SPAN_ROLLBACK,
                artifact_ref=f"{repository}:{request.version}",
                environment=request.target,
                reason=request.reason,
            )
        case _:
            with tracing(request.trace_id):
                yield NO_SPAN
            return
    with opened as span:
        yield span


class TracedProgress:
    """
    Each gate begins and ends with what progress is told.

    Implements `Progress`: passes on what it is told; every gate is a span below `span`.
    """

    def __init__(self, inner: Progress, span: Span) -> None:
        self._inner = inner
        self._span = span
        self._open: dict[GateKind, _Open] = {}

    def step(self, text: str) -> None:
        self._inner.step(text)

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        part = self._span.span(
            f"{SPAN_GATE}{gate.value}", gate_type=gate.value, timeout_seconds=timeout_seconds
        )
        # Gates overlap, and the surroundings of a span are put back in the order they were left:
        # each therefore has its own.
        around = copy_context()
        self._open[gate] = (around, part, around.run(part.__enter__))
        self._inner.gate_started(gate, timeout_seconds)

    def gate_finished(self, result: GateResult) -> None:
        opened = self._open.pop(result.gate, None)
        if opened:
            around, part, span = opened
            span.note(duration_ms=result.duration_ms, status=result.status.value)
            around.run(part.__exit__, None, None, None)
        self._inner.gate_finished(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        self._inner.gate_output(gate, output)
