"""A receiver of webhooks, and of traces over OTLP, on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Listener(ThreadingHTTPServer):
    """A server that stores the webhooks (bodies and headers) and spans it receives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.webhooks: list[tuple[bytes, dict[str, str]]] = []
        self.spans: list[Span] = []

    def drawn(self) -> Iterator[str]:
        """Render the spans as a tree with their durations."""
        yield from self._below(b"", "")

    def _below(self, parent: bytes, indent: str) -> Iterator[str]:
        known = {span.span_id for span in self.spans}
        children = [
            s
            for s in self.spans
            if (s.parent_span_id if s.parent_span_id in known else b"") == parent
        ]
        for span in sorted(children, key=lambda s: s.start_time_unix_nano):
            took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
            yield f"  {indent}{span.name}  {took:.0f} ms"
            yield from self._below(span.span_id, f"{indent}  ")


@contextmanager
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    self.server.spans += scope.spans
        else:
            named = {name.lower(): value for name, value in self.headers.items()}
            self.server.webhooks.append((body, named))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the transcript shows floe only."""
