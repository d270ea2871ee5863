"""Spans of requests and their gates, and the metrics of their results (FR-024)."""

from contextlib import AbstractContextManager
from contextvars import Context as ThreadContext
from contextvars import copy_context

from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.path import PromotionPath
from engine.domain.plan import Plan
from engine.domain.request import (
    AcknowledgeRequest,
    LockRequest,
    PromotionRequest,
    ReleaseRequest,
    Request,
    RestoreRequest,
    ReviewRequest,
    RollbackRequest,
    RotateRequest,
    UnlockRequest,
    UnwaiveRequest,
    WaiveRequest,
)
from engine.domain.result import Ending, Result
from engine.domain.trace import (
    SPAN_ACKNOWLEDGE,
    SPAN_GATE,
    SPAN_LOCK,
    SPAN_PROMOTE,
    SPAN_RELEASE,
    SPAN_RESTORE,
    SPAN_REVIEW,
    SPAN_ROLLBACK,
    SPAN_ROTATE,
    SPAN_UNLOCK,
    SPAN_UNWAIVE,
    SPAN_WAIVE,
)
from engine.ports import Progress
from engine.ports.telemetry import (
    GATE_SECONDS,
    PROMOTIONS,
    ROLLBACKS,
    Attribute,
    Metrics,
    Span,
    Tracer,
)

_COUNTED = {PromotionRequest: PROMOTIONS, RollbackRequest: ROLLBACKS}

_SPANS: dict[type[Request], str] = {
    RollbackRequest: SPAN_ROLLBACK,
    LockRequest: SPAN_LOCK,
    UnlockRequest: SPAN_UNLOCK,
    RestoreRequest: SPAN_RESTORE,
    AcknowledgeRequest: SPAN_ACKNOWLEDGE,
    RotateRequest: SPAN_ROTATE,
    WaiveRequest: SPAN_WAIVE,
    UnwaiveRequest: SPAN_UNWAIVE,
    ReviewRequest: SPAN_REVIEW,
    ReleaseRequest: SPAN_RELEASE,
}
_OpenSpan = tuple[ThreadContext, AbstractContextManager[Span], Span]


def open_request_span(
    tracer: Tracer, request: Request, repository: str, path: PromotionPath, dry_run: bool
) -> AbstractContextManager[Span]:
    """Open the span of `request`; `artifact_ref` is the tag of the artifact before it."""
    if isinstance(request, PromotionRequest):
        sources = path.sources(request.target)
        tag = sources[0].tag(request.version) if sources else request.version.tag
        return tracer.trace(
            request.trace_id,
            SPAN_PROMOTE,
            artifact_ref=f"{repository}:{tag}",
            from_env=request.source,
            to_env=request.target,
            dry_run=dry_run,
        )
    about: dict[str, Attribute] = {"environment": request.target, "reason": request.reason}
    if isinstance(request, RollbackRequest):
        tag = path.environment(request.target).tag(request.version)
        about["artifact_ref"] = f"{repository}:{tag}"
    return tracer.trace(request.trace_id, _SPANS[type(request)], **about)


def end_request_span(span: Span, result: Result) -> Result:
    """Write the outcome of `result` into `span`, and return it; a pending change is no failure."""
    waits = result.outcome is Ending.PENDING
    span.end(result.outcome.value, None if waits else result.error)
    return result


class TracedProgress:
    """
    Implements `Progress`: opens a span below `span` for every gate, and passes all calls on.
    """

    def __init__(self, inner: Progress, span: Span) -> None:
        self._inner = inner
        self._span = span
        self._open: dict[GateKind, _OpenSpan] = {}

    def step(self, text: str) -> None:
        self._inner.step(text)

    def advance(self, text: str, done: int, total: int, unit: str) -> None:
        self._inner.advance(text, done, total, unit)

    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None:
        part = self._span.span(
            f"{SPAN_GATE}{gate.value}", gate_type=gate.value, timeout_seconds=timeout_seconds
        )
        # Gates overlap, but the contexts of spans must be left in reverse order: so each gate has
        # its own context.
        around = copy_context()
        self._open[gate] = (around, part, around.run(part.__enter__))
        self._inner.gate_started(gate, timeout_seconds)

    def gate_finished(self, result: GateResult) -> None:
        opened = self._open.pop(result.gate, None)
        if opened:
            around, part, span = opened
            record_gate_result(span, result)
            around.run(part.__exit__, None, None, None)
        self._inner.gate_finished(result)

    def gate_output(self, gate: GateKind, output: bytes) -> None:
        self._inner.gate_output(gate, output)

    def check_cancelled(self) -> None:
        self._inner.check_cancelled()


def record_gate_result(span: Span, result: GateResult) -> None:
    """Write the result of a gate into its span."""
    span.set_attributes(duration_ms=result.duration_ms, status=result.status.value)
    if result.status is GateStatus.FAILED:
        span.fail(result.error or "failed")


def count_result(metrics: Metrics, result: Result) -> Result:
    """Count `result` by its outcome, and return it; only promotions and rollbacks count."""
    request = result.plan.request
    name = _COUNTED.get(type(request))
    if name:
        metrics.count(name, environment=request.target, outcome=result.outcome.value)
    return result


def observe_gates(metrics: Metrics, plan: Plan) -> None:
    """Record the duration of each gate of `plan` that ran."""
    for gate in plan.gate_results:
        if gate.status is not GateStatus.SKIPPED:
            labels = {"gate": gate.gate.value, "status": gate.status.value}
            metrics.observe(GATE_SECONDS, gate.duration_ms / 1000, **labels)
