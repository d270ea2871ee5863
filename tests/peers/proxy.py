"""A proxy in front of a real registry that makes a chosen request fail."""

import http.client
from collections.abc import Callable
from dataclasses import replace

from tests.peers.fake_http import Cut, FakeServer, Reply, Request

Upstream = Callable[[], Reply]
Way = Callable[[Upstream], Reply | Cut]
"""Handle one request; `upstream()` forwards it to the registry."""

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "date", "server", "content-length"})


class Proxy(FakeServer):
    """Forwards requests to `upstream`, `host:port`, except those that `fail` selects."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = upstream
        self._count = 0
        self._planned: tuple[int, Way, int] | None = None
        self._failing: tuple[str, str] | None = None
        self.struck = 0

    def fail(self, number: int, way: Way, times: int = 1) -> None:
        """
        Make the `number`-th request from now (1 is the next) and its repetitions fail in `way`,
        `times` in all. `struck` counts the failures.
        """
        with self._lock:
            self._count, self.struck, self._failing = 0, 0, None
            self._planned = (number, way, times)

    def respond(self, request: Request) -> Reply | Cut:
        self._count += 1
        way = self._way(request)
        if way is None:
            return self._pass_on(request)
        self.struck += 1
        return way(lambda: self._pass_on(request))

    def _way(self, request: Request) -> Way | None:
        if self._planned is None:
            return None
        number, way, times = self._planned
        if self._count == number:
            self._failing = (request.method, request.path)
        same = self._failing == (request.method, request.path)
        return way if same and self.struck < times else None

    def _pass_on(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        path = f"{request.path}?{request.query}" if request.query else request.path
        try:
            connection.request(request.method, path, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        headers = {n: v for n, v in answer.getheaders() if n.lower() not in _HOP_BY_HOP}
        length = str(len(body)) if request.method != "HEAD" else answer.getheader("Content-Length")
        return Reply(answer.status, body, {**headers, "Content-Length": length or "0"})


def answered(status: int, body: bytes = b"", **headers: str) -> Way:
    """Answer without forwarding; `headers` with underscores for dashes."""
    reply = Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return lambda _: reply


def late(seconds: float) -> Way:
    return lambda upstream: replace(upstream(), delay_seconds=seconds)


def dropped_before(_: Upstream) -> Cut:
    return Cut.BEFORE


def dropped_after(upstream: Upstream) -> Cut:
    """Forward the request, and drop the connection without an answer."""
    upstream()
    return Cut.AFTER


def halved(upstream: Upstream) -> Reply:
    whole = upstream()
    return replace(whole, cut_after=len(whole.body) // 2)


def altered(upstream: Upstream) -> Reply:
    """Return content that does not match its digest."""
    whole = upstream()
    return replace(whole, body=whole.body.replace(b"sha256", b"sha255").replace(b"{", b"[", 1))


def misnamed(upstream: Upstream) -> Reply:
    """Return the right bytes under the wrong digest."""
    whole = upstream()
    return replace(whole, headers={**whole.headers, "Docker-Content-Digest": f"sha256:{'0' * 64}"})


def packed(upstream: Upstream) -> Reply:
    whole = upstream()
    return replace(whole, headers={**whole.headers, "Content-Encoding": "gzip"})


class Filter(Proxy):
    """Answers requests for which `refuses` is true with `refusal`, and forwards the others."""

    def __init__(self, upstream: str, refusal: Reply) -> None:
        super().__init__(upstream)
        self.refusal: Reply | Cut = refusal
        self.refuses: Callable[[Request], bool] = lambda _: False

    def respond(self, request: Request) -> Reply | Cut:
        if not self.refuses(request):
            return super().respond(request)
        self.struck += 1
        return self.refusal
