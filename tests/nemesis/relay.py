"""Connections of one process to its servers, which can be cut and mended."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 65536
_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """
    Forwards connections to `upstream`, `host:port`, or as an HTTP proxy to the server that the
    first request names. Connections to a server that is cut are dropped.
    """

    def __init__(self, upstream: str | None = None) -> None:
        self._upstream = upstream
        self._cut: set[str] = set()
        self._open: set[tuple[str, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def cut(self, upstream: str) -> None:
        """Drop the connections to `upstream`, and refuse new ones until `mend`."""
        self._cut.add(upstream)
        self._loop.call_soon_threadsafe(self._drop, upstream)

    def mend(self, upstream: str) -> None:
        self._cut.discard(upstream)

    @contextmanager
    def running(self) -> Iterator["Relay"]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(server), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        for _, writer in self._open:
            writer.transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        # Aborted transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0.01)

    def _drop(self, upstream: str) -> None:
        for name, writer in self._open:
            if name == upstream:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError), self._known("", writer):
            first, upstream = b"", self._upstream
            if upstream is None:
                first, upstream = _named(await reader.readuntil(b"\r\n"))
            if upstream not in self._cut:
                await self._forward(upstream, first, (reader, writer))
        writer.close()

    async def _forward(self, upstream: str, first: bytes, client: _End) -> None:
        host, port = upstream.rsplit(":", 1)
        there, back = await asyncio.open_connection(host, int(port))
        reader, writer = client
        with self._known(upstream, writer), self._known(upstream, back):
            back.write(first)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))

    @contextmanager
    def _known(self, upstream: str, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open.add((upstream, writer))
        try:
            yield
        finally:
            self._open.discard((upstream, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


def _named(line: bytes) -> tuple[bytes, str]:
    """The request line as its server expects it, and the address of the server."""
    method, target, version = line.split(b" ", 2)
    parts = urlsplit(target.decode())
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return b" ".join((method, path.encode(), version)), parts.netloc
