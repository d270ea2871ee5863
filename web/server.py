"""The waitress server, with enough threads for viewers and an orderly shutdown."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import waitress
from flask import Flask

from engine.domain.errors import ConfigError
from web.connections import IDLE_SECONDS, LARGEST_BODY, Connection, close_oldest, most_connections
from web.lifecycle import WATCHERS
from web.site import Shared

_THREADS = 16
_LOOP_SECONDS = 0.5
_DRAIN_SECONDS = 10
_CLEANUP_SECONDS = 5
_LISTENING = 16
_ACCEPTED_AT_ONCE = 100


class Server:
    """
    Listens on `host` and `port` (0: any free port) once created.

    `run` answers requests until another thread calls `stop`, or SIGINT or SIGTERM raises
    KeyboardInterrupt.
    """

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        connection: type[Connection] = Connection,
        most: int | None = None,
    ) -> None:
        self._site: Shared = app.extensions["floe"]
        self._stopping = threading.Event()
        self._map: dict[int, Any] = {}
        self._most = most or most_connections()
        try:
            self._server: Any = waitress.create_server(
                app,
                map=self._map,
                host=host,
                port=port,
                # Each viewer occupies a thread.
                threads=_THREADS + WATCHERS,
                # Detects viewers that disconnected.
                channel_request_lookahead=1,
                channel_timeout=IDLE_SECONDS,
                cleanup_interval=_CLEANUP_SECONDS,
                # The listening sockets count, too.
                connection_limit=self._most + _LISTENING,
                max_request_body_size=LARGEST_BODY,
                ident=None,
            )
            for listening in self._map.values():
                # One per address of `host`.
                if hasattr(listening, "channel_class"):
                    listening.channel_class = connection
                    listening.handle_accept = partial(self._accept, listening.handle_accept)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{host}:{port} cannot be listened on ({error}): give another --host or --port"
            ) from error

    @property
    def url(self) -> str:
        """The URL of the server."""
        listening = getattr(self._server, "effective_listen", None) or [
            (self._server.effective_host, self._server.effective_port)
        ]
        host, port = listening[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def run(self) -> None:
        loop = self._server.asyncore.loop
        try:
            while not self._stopping.is_set():
                loop(timeout=_LOOP_SECONDS, use_poll=True, map=self._map, count=1)
                close_oldest(self._map.values(), self._most)
        except KeyboardInterrupt:
            self._stopping.set()
        finally:
            self._end()

    def _accept(self, accept: Callable[[], None]) -> None:
        """Accept several connections per round, since a round checks every connection."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self._map)
            accept()
            if len(self._map) == before:
                return

    def stop(self) -> None:
        self._stopping.set()
        self._site.feed.stop()

    def _end(self) -> None:
        """Refuse connections, so that a proxy repeats them elsewhere, and end the viewers."""
        for listening in list(self._map.values()):
            if hasattr(listening, "channel_class"):
                listening.socket.close()
        self._site.feed.stop()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=_DRAIN_SECONDS)
        for channel in list(self._map.values()):
            channel.close()
        self._map.clear()
