"""The tracer on OpenTelemetry's SDK, with the trace ID of the request."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.domain.errors import PromotionError
from engine.ports.telemetry import CURRENT_TRACE, NO_SPAN, Attribute, Span, tracing

_log = logging.getLogger(__name__)
# A collector that does not answer delays a command by at most 5 s.
_CLOSE_SECONDS = 4.0


class _GivenTraceIds(RandomIdGenerator):
    """Uses the trace ID of records and outputs, which exists before the first span."""

    def generate_trace_id(self) -> int:
        given = CURRENT_TRACE.get()
        return int(given, 16) if given else super().generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return False


class OtelTracer:
    """
    Implements `engine.ports.telemetry.Tracer`; `processor` gets the spans. TRACEPARENT and
    TRACESTATE of `environ` are the parent of traces that have its trace id.
    """

    def __init__(self, processor: SpanProcessor, environ: Mapping[str, str]) -> None:
        named = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "floe"}
        self._provider = TracerProvider(
            resource=Resource.create(named),
            # The SDK would wait for half a minute.
            shutdown_on_exit=False,
            id_generator=_GivenTraceIds(),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("floe")
        carrier = {name.lower(): environ.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
        self._around = TraceContextTextMapPropagator().extract(carrier, Context())

    @contextmanager
    def trace(self, trace_id: str, name: str, **attributes: Attribute) -> Iterator[Span]:
        around = get_current_span(self._around).get_span_context()
        same = around.is_valid and f"{around.trace_id:032x}" == trace_id
        with (
            tracing(trace_id),
            self._opened(name, attributes, self._around if same else Context()) as span,
        ):
            yield span

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        current = contexts.get_current()
        if not get_current_span(current).get_span_context().is_valid:
            return nullcontext(NO_SPAN)
        return self._opened(name, attributes, current)

    def part(
        self, parent: SdkSpan, name: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[Span]:
        """Open a span below `parent`, in any thread."""
        return self._opened(name, attributes, set_span_in_context(parent, Context()))

    def close(self) -> None:
        # In a daemon thread: a flush has no timeout, and must not delay the exit.
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            _log.warning("no collector took the traces within %g seconds", _CLOSE_SECONDS)

    @contextmanager
    def _opened(
        self, name: str, attributes: Mapping[str, Attribute], parent: Context
    ) -> Iterator[Span]:
        span = self._tracer.start_span(name, parent, attributes=dict(attributes))
        token = contexts.attach(set_span_in_context(span, parent))
        try:
            with tracing(f"{span.get_span_context().trace_id:032x}"):
                yield OtelSpan(self, span)
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, _described(error)))
            span.set_attribute("error.type", type(error).__name__)
            if isinstance(error, PromotionError):
                span.set_attributes(_ending("failed", error))
            raise
        finally:
            contexts.detach(token)
            span.end()


class OtelSpan:
    """Implements `engine.ports.telemetry.Span`."""

    def __init__(self, tracer: OtelTracer, span: SdkSpan) -> None:
        self._tracer = tracer
        self._span = span

    def set_attributes(self, **attributes: Attribute) -> None:
        self._span.set_attributes(dict(attributes))

    def end(self, outcome: str, error: PromotionError | None = None) -> None:
        self._span.set_attributes(_ending(outcome, error))
        if error is not None:
            self.fail(str(error))

    def fail(self, reason: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, reason))

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        return self._tracer.part(self._span, name, attributes)


def _ending(outcome: str, error: PromotionError | None) -> dict[str, Attribute]:
    reason = {"floe.reason_code": error.reason_code} if error else {}
    return {"floe.outcome": outcome, **reason}


def _described(error: BaseException) -> str | None:
    """Return the text of our own errors only: foreign errors and stack traces may hold secrets."""
    return str(error) if isinstance(error, PromotionError) else None
