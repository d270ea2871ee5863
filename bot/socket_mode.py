"""The Socket Mode connection to Slack, kept alive by websocket-client."""

import logging
import threading
import time

from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.webapi import quiet_logger, web_client

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
_END_SECONDS = 2.0
_MONITOR_SECONDS, _POLL_SECONDS = 10.0, 0.1


class SocketConnection:
    """Connects in the background, so that floe can start while Slack is down."""

    def __init__(self, app: App, app_token: str, api_url: str | None) -> None:
        self._handler = SocketModeHandler(
            app,
            app_token,
            logger=quiet_logger(),
            web_client=web_client(app_token, api_url),
            concurrency=32,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="floe-slack-socket", daemon=True)

    def is_connected(self) -> bool:
        return bool(self._handler.client.is_connected())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        # The library's reader may sleep for another ten seconds before it ends.
        closing = threading.Thread(target=self._handler.client.close, daemon=True)
        closing.start()
        closing.join(_END_SECONDS)

    def _connect(self) -> None:
        """Make the first connection; afterwards the client reconnects by itself."""
        client = self._handler.client
        # Its monitor would treat a connection in progress as lost, and open another one.
        client.current_app_monitor_started = True
        while not self._stopping.is_set():
            try:
                client.connect()
            except (SlackApiError, OSError) as error:
                _log.warning("not connected to Slack yet: %s", type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)
            else:
                break
        deadline = time.monotonic() + _MONITOR_SECONDS
        while not self.is_connected() and time.monotonic() < deadline:
            if self._stopping.wait(_POLL_SECONDS):
                return
        client.current_app_monitor.start()
