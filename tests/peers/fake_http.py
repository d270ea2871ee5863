"""A scripted HTTP server: records every request, plays answers, cuts connections."""

import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WRITES = frozenset({"PUT", "POST", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Request:
    """A received request; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """An answer, sent after `delay_seconds`.

    `drip_seconds` pass before each `drip_bytes` of its body, and with `drips_head` before each byte
    of its head; after `cut_after` bytes of the body the connection is cut.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    drip_seconds: float = 0
    drip_bytes: int = 1
    drips_head: bool = False
    cut_after: int | None = None


class Cut(Enum):
    """A connection cut without an answer, before or after the request took effect."""

    BEFORE = "before"
    AFTER = "after"


Scripted = Reply | Cut | None
"""None in a script lets one request through to the ordinary behaviour."""


class FakeServer:
    """A server whose subclasses define normal answers in `respond`; scripts take precedence."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._scripts: list[tuple[str, re.Pattern[str], list[Scripted], bool]] = []
        self._writes = 0
        self._cut: tuple[int, Cut, bool] | None = None
        self._stopped = threading.Event()
        self._server = _Server(self)
        if tls is not None:
            # Without a handshake in `accept`: a client that distrusts us must not end the server.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def respond(self, request: Request) -> Reply | Cut:
        raise NotImplementedError

    def script(self, method: str, path: str, *replies: Scripted) -> None:
        """
        Answer the next requests whose path matches the regular expression `path` with `replies`.
        """
        self._scripts.append((method, re.compile(path), list(replies), False))

    def always(self, method: str, path: str, reply: Reply | Cut) -> None:
        """Answer every such request with `reply`."""
        self._scripts.append((method, re.compile(path), [reply], True))

    def forget_scripts(self) -> None:
        """Return to normal answers."""
        self._scripts.clear()

    def cut_write(self, number: int, when: Cut, *, then_gone: bool = False) -> None:
        """Cut the connection at the `number`-th write from now (1 is the next).

        With `then_gone` no later request is answered either, as if the process had died.
        """
        with self._lock:
            self._writes, self._cut = 0, (number, when, then_gone)

    def back(self) -> None:
        """End the outage that `cut_write` began."""
        self._cut = None

    def seen(self, method: str, path: str = "") -> list[Request]:
        """Return the requests with `method` whose path matches the regular expression `path`."""
        return [r for r in self.requests if r.method == method and re.search(path, r.path)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()

    def _decide(self, request: Request) -> Reply | Cut:
        """Return the reply after its effect on the server's state."""
        with self._lock:
            self.requests.append(request)
            planned = self._interruption(request) or self._scripted(request)
            if planned is Cut.AFTER:
                self.respond(request)
            return planned or self.respond(request)

    def _interruption(self, request: Request) -> Cut | None:
        if self._cut is None:
            return None
        number, when, then_gone = self._cut
        self._writes += request.method in WRITES
        if self._writes == number and request.method in WRITES:
            return when
        return Cut.BEFORE if then_gone and self._writes >= number else None

    def _scripted(self, request: Request) -> Scripted:
        for method, path, replies, always in self._scripts:
            if replies and method == request.method and path.search(request.path):
                return replies[0] if always else replies.pop(0)
        return None


class _Server(ThreadingHTTPServer):
    # Not daemons, so that `server_close` waits for them and every socket is closed with the test.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self._connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def drop_connections(self) -> None:
        """Wake the threads that wait for another request on a kept connection."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Report nothing: these tests make clients hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        if len(body) < length:
            # The client gave up in the middle: no server takes that for a request.
            self.close_connection = True
            return
        request = Request(self.command, path, query, headers, body)
        reply = self.server.fake._decide(request)
        if isinstance(reply, Cut):
            self._hang_up()
        else:
            self._send(reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def _send(self, reply: Reply) -> None:
        self._pause(reply.delay_seconds)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        if reply.drips_head:
            self._drip_head(reply.drip_seconds)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = reply.body if reply.cut_after is None else reply.body[: reply.cut_after]
        if reply.drip_seconds:
            for position in range(0, len(body), reply.drip_bytes):
                self._pause(reply.drip_seconds)
                self.wfile.write(body[position : position + reply.drip_bytes])
        else:
            self.wfile.write(body)
        if reply.cut_after is not None:
            self._hang_up()

    def _drip_head(self, seconds: float) -> None:
        head = b"".join(self._headers_buffer)
        self._headers_buffer = []
        for position in range(len(head)):
            self._pause(seconds)
            self.wfile.write(head[position : position + 1])

    def _pause(self, seconds: float) -> None:
        # Returns at once when the server is being closed, so that slow answers end with the test.
        if seconds:
            self.server.fake._stopped.wait(seconds)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the requests are recorded."""
