"""Hold exchanges over HTTP to a deadline: httpx bounds each read, and not all of them together."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

_local = threading.local()


@contextmanager
def until(remaining: Callable[[], float]) -> Iterator[None]:
    """
    Reads in this thread, over clients that are `held`, end when no seconds are `remaining`: then
    they raise httpx.ReadTimeout, however small the pieces are that arrive.
    """
    before = getattr(_local, "remaining", None)
    _local.remaining = remaining
    try:
        yield
    finally:
        _local.remaining = before


def held(client: httpx.Client) -> httpx.Client:
    """`client`, whose reads end at the deadline that `until` sets."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # The only way in: httpx offers no network backend of its own choice.
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return client


def _left(timeout: float | None) -> float | None:
    remaining: Callable[[], float] | None = getattr(_local, "remaining", None)
    if remaining is None:
        return timeout
    seconds = remaining()
    if seconds <= 0:
        raise httpcore.ReadTimeout("the answer comes too slowly")
    return seconds if timeout is None else min(timeout, seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

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
