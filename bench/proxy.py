"""A proxy in front of a registry that counts requests and their waves."""

import http.client
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

# Long relative to the machine's own delays, so that parallel requests overlap.
LATENCY_SECONDS = 0.05


@dataclass(frozen=True)
class Asked:
    """A request. Its wave follows the last wave that was answered before it arrived."""

    method: str
    path: str
    wave: int


@dataclass
class Count:
    """The requests so far."""

    asked: list[Asked] = field(default_factory=list)
    answered: list[tuple[float, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> int:
        return len(self.asked)

    @property
    def waves(self) -> int:
        return max((wave for _, wave in self.answered), default=0)

    def arrive(self, method: str, path: str) -> int:
        with self._lock:
            now = time.monotonic()
            wave = 1 + max((wave for end, wave in self.answered if end <= now), default=0)
            self.asked.append(Asked(method, path, wave))
            return wave

    def answer(self, wave: int) -> None:
        with self._lock:
            self.answered.append((time.monotonic(), wave))


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, seconds: float) -> None:
        self.host = host
        self.seconds = seconds
        self.count = Count()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is sent in two pieces; Nagle's algorithm would delay the second by 40 ms.
    disable_nagle_algorithm = True
    server: _Proxy

    def handle_any(self) -> None:
        count = self.server.count
        wave = count.arrive(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.server.host, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        time.sleep(self.server.seconds)
        count.answer(wave)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        if answer.getheader("Content-Length") is None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: requests are counted instead."""


@contextmanager
def counting(host: str, seconds: float = LATENCY_SECONDS) -> Iterator[tuple[str, Count]]:
    """
    Run a proxy for `host`; yield its `host:port` and its count. It delays each answer by `seconds`
    like a network with that round trip, but it does not delay opening a connection.
    """
    proxy = _Proxy(host, seconds)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{proxy.server_port}", proxy.count
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@contextmanager
def delaying(host: str, seconds: float) -> Iterator[str]:
    """As `counting`, in a process of its own, which takes no processor time from the client's."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(host, seconds, theirs), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(host: str, seconds: float, ready: Connection) -> None:
    proxy = _Proxy(host, seconds)
    ready.send(proxy.server_port)
    proxy.serve_forever()
