"""Publishes App Homes when they are opened, and again after a change."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bot.blocks.elements import View
from bot.blocks.home import Waiting, render_home, render_home_error
from bot.blocks.rendering_context import RenderingContext
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.message_store import MessageStore
from bot.thread_pool import log_failure
from bot.webapi import SlackApi, SlackCallError
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.platform import Platform

_log = logging.getLogger(__name__)
_OPEN_SECONDS = 3600.0
_BETWEEN_SECONDS = 10.0
_RECENT = 100
_SHOWN = 10


class AppHomes:
    def __init__(
        self,
        platform: Platform,
        api: SlackApi,
        identities: SlackIdentities,
        messages: MessageStore,
        rendering: RenderingContext,
    ) -> None:
        self._platform = platform
        self._api = api
        self._identities = identities
        self._messages = messages
        self._rendering = rendering
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="floe-slack-home")
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[float, Origin]] = {}
        self._refreshed_at = 0.0
        self._stale = False

    def start(self) -> None:
        """Do nothing: a home is published when its user opens it."""

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def publish(self, origin: Origin) -> None:
        """Publish the home of a user in the background."""
        with self._lock:
            self._opened[origin.user] = (time.monotonic(), origin)
        self._pool.submit(self._publish, origin).add_done_callback(log_failure)

    def refresh(self, changed: bool) -> None:
        """Publish the homes opened in the last hour again, soon after something changed."""
        now = time.monotonic()
        with self._lock:
            self._stale |= changed
            if not self._stale or now < self._refreshed_at + _BETWEEN_SECONDS:
                return
            self._stale, self._refreshed_at = False, now
            self._opened = {
                user: (at, origin)
                for user, (at, origin) in self._opened.items()
                if now < at + _OPEN_SECONDS
            }
            origins = [origin for _, origin in self._opened.values()]
        for origin in origins:
            self._pool.submit(self._publish, origin).add_done_callback(log_failure)

    def _publish(self, origin: Origin) -> None:
        try:
            view = self._view(self._identities.resolve(origin))
        except PromotionError as error:
            view = render_home_error(str(error))
        try:
            self._api.call("views.publish", {"user_id": origin.user, "view": view})
        except SlackCallError as error:
            _log.info("the home of %s was not published: %s", origin.user, error)

    def _view(self, operator: Operator) -> View:
        changes, store = self._platform.changes, self._platform.store
        waiting = [
            Waiting(change, self._messages.find_link(f"{change.id}:ask"))
            for change in store.open()
            if changes.awaits(change, operator)
        ]
        own = [c for c in store.recent(_RECENT) if c.requester.same_as(operator)][:_SHOWN]
        now = self._platform.engine.now()
        return render_home(waiting, self._platform.engine.status(), own, now, self._rendering)
