"""
Read HTTP responses within a deadline and a size limit, without decompressing them.

httpx limits the time of each read and write but not of a whole exchange, and it limits no size.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from engine.config.proxies import translate_proxy_errors

# httpx would turn `user:password@` in a URL, which a server may send, into credentials.
NO_AUTH = httpx.Auth()
_local = threading.local()
# Writes are split into pieces, and the deadline is checked before each of them.
_PIECE_BYTES = 64 * 1024


class CompressedResponseError(httpx.TransportError):
    """The server compressed a response without being asked: it may expand to any size."""


class OversizedResponseError(httpx.TransportError):
    """The body is larger than the limit."""


def open_client(**options: Any) -> httpx.Client:
    """
    Open a client that follows no redirects, and whose exchanges end at `exchange_deadline`.

    Raises ConfigError when the proxies or certificates of the environment cannot be used.
    """
    with translate_proxy_errors():
        client = httpx.Client(follow_redirects=False, **options)
    for transport in (client._transport, *client._mounts.values()):
        _hold(transport)
    return client


@contextmanager
def exchange_deadline(remaining: Callable[[], float]) -> Iterator[None]:
    """
    Set the deadline for exchanges of this thread over clients from `open_client`.

    Reads and writes raise httpx.TimeoutException when `remaining` returns no seconds.
    """
    before = getattr(_local, "remaining", None)
    _local.remaining = remaining
    try:
        yield
    finally:
        _local.remaining = before


def exchange(
    client: httpx.Client, request: httpx.Request, seconds: float, limit: int
) -> httpx.Response:
    """
    Send `request` and read the whole response: within `seconds`, at most `limit` bytes, without
    following redirects or decompressing. Its text is read as UTF-8 in any case.

    Raises CompressedResponseError, OversizedResponseError and other errors of httpx.TransportError.
    """

    def send() -> httpx.Response:
        return client.send(request, stream=True, auth=NO_AUTH, follow_redirects=False)

    return _exchange(send, seconds, limit)


class BoundedTransport(httpx.BaseTransport):
    """Applies the bounds of `exchange` in the clients of other libraries; trusts `tls`."""

    def __init__(self, tls: SSLContext, seconds: float, limit: int) -> None:
        self._transport = httpx.HTTPTransport(verify=tls, trust_env=False)
        self._seconds = seconds
        self._limit = limit
        _hold(self._transport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        send = self._transport.handle_request
        return _exchange(lambda: send(request), self._seconds, self._limit)

    def close(self) -> None:
        self._transport.close()


class ProxiedTransport(httpx.BaseTransport):
    """The same bounds, with the proxies and certificates of the environment."""

    def __init__(self, seconds: float, limit: int) -> None:
        self._client = open_client()
        self._seconds = seconds
        self._limit = limit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return exchange(self._client, request, self._seconds, self._limit)

    def close(self) -> None:
        self._client.close()


def read_body(response: httpx.Response, limit: int, remaining: Callable[[], float]) -> bytes:
    """Read the body, which must be neither compressed nor larger than `limit` bytes."""
    check_encoding(response)
    body = read_start(response, limit, remaining)
    if len(body) > limit:
        raise OversizedResponseError(f"the response has more than {limit} bytes")
    return body


def read_start(response: httpx.Response, limit: int, remaining: Callable[[], float]) -> bytes:
    """Read the body up to the first piece that goes beyond `limit` bytes."""
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            break
        if remaining() <= 0:
            raise httpx.ReadTimeout("the body comes too slowly")
    return bytes(body)


def check_encoding(response: httpx.Response) -> None:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CompressedResponseError("the response is compressed, which was not requested")


def _exchange(send: Callable[[], httpx.Response], seconds: float, limit: int) -> httpx.Response:
    end = time.monotonic() + seconds

    def remaining() -> float:
        return end - time.monotonic()

    with exchange_deadline(remaining):
        response = send()
        try:
            body = read_body(response, limit, remaining)
        finally:
            response.close()
    whole = httpx.Response(response.status_code, headers=response.headers, content=body)
    # A server may name a charset that is none, like zlib, and decoding by it raises any error.
    whole.encoding = "utf-8"
    return whole


def _hold(transport: httpx.BaseTransport | None) -> None:
    if isinstance(transport, httpx.HTTPTransport):
        # httpx has no public parameter for the network backend.
        transport._pool._network_backend = _Backend(transport._pool._network_backend)


def _remaining_timeout(
    timeout: float | None, late: type[httpcore.TimeoutException] = httpcore.ReadTimeout
) -> float | None:
    remaining: Callable[[], float] | None = getattr(_local, "remaining", None)
    if remaining is None:
        return timeout
    seconds = remaining()
    if seconds <= 0:
        raise late("the deadline for the exchange has passed")
    return seconds if timeout is None else min(timeout, seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining_timeout(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[start : start + _PIECE_BYTES]
            self._stream.write(piece, _remaining_timeout(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*arguments, **options))

    def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*arguments, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)
