"""Serves the app with waitress: threads enough for everybody who watches, and an end in order."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import waitress
from flask import Flask

from engine.domain.errors import ConfigError
from web.connections import IDLE_SECONDS, LARGEST_BODY, Connection, close_oldest, most_connections
from web.lifecycle import WATCHERS
from web.site import Site

_THREADS = 16
_LOOP_SECONDS = 0.5
_DRAIN_SECONDS = 10
_CLEANUP_SECONDS = 5
_LISTENING = 16
_ACCEPTED_AT_ONCE = 100


class Server:
    """
    Listens on `host` and `port` (0: any that is free) from the beginning; answers in `run`, until
    `stop` is called from another thread, or SIGINT or SIGTERM raises KeyboardInterrupt.
    """

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        connection: type[Connection] = Connection,
        most: int | None = None,
    ) -> None:
        self._site: Site = app.extensions["floe"]
        self._stopping = threading.Event()
        self._map: dict[int, Any] = {}
        self._most = most or most_connections()
        try:
            self._server: Any = waitress.create_server(
                app,
                map=self._map,
                host=host,
                port=port,
                # Whoever watches the page holds a thread.
                threads=_THREADS + WATCHERS,
                # So that it is seen when somebody who watches has gone.
                channel_request_lookahead=1,
                channel_timeout=IDLE_SECONDS,
                cleanup_interval=_CLEANUP_SECONDS,
                # The listening sockets count as well.
                connection_limit=self._most + _LISTENING,
                max_request_body_size=LARGEST_BODY,
                ident=None,
            )
            for listening in self._map.values():
                # One for each address that `host` has.
                if hasattr(listening, "channel_class"):
                    listening.channel_class = connection
                    listening.handle_accept = partial(self._accept, listening.handle_accept)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{host}:{port} cannot be listened on ({error}): give another --host or --port"
            ) from error

    @property
    def url(self) -> str:
        """Where it listens."""
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
        """Take several at once: each round of the loop looks at every connection there is."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self._map)
            accept()
            if len(self._map) == before:
                return

    def stop(self) -> None:
        self._stopping.set()
        self._site.feed.stop()

    def _end(self) -> None:
        """Those who watch go first, so that nobody is waited for in vain."""
        self._site.feed.stop()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=_DRAIN_SECONDS)
        for channel in list(self._map.values()):
            channel.close()
        self._map.clear()
