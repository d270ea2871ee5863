"""Deadlines for HTTP exchanges: httpx has timeouts for each read and write, but not for all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

_local = threading.local()
# Writes are split into pieces, and the deadline is checked before each of them.
_PIECE_BYTES = 64 * 1024


@contextmanager
def exchange_deadline(remaining: Callable[[], float]) -> Iterator[None]:
    """
    Set the deadline for exchanges of this thread over clients from `enforce_deadlines`.

    Reads and writes raise httpx.TimeoutException when `remaining` returns no seconds.
    """
    before = getattr(_local, "remaining", None)
    _local.remaining = remaining
    try:
        yield
    finally:
        _local.remaining = before


def enforce_deadlines(client: httpx.Client) -> httpx.Client:
    """Make `client` end its reads and writes at the deadline of `exchange_deadline`."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no public parameter for the network backend.
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return client


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
