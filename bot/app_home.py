"""App Homes: published when opened, and again when something changes for who has it open."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bot.blocks.elements import View
from bot.blocks.home import Waiting, home, home_refused
from bot.blocks.rendering_context import Look
from bot.identity import People
from bot.inbox import Asker
from bot.message_store import Messages
from bot.thread_pool import report
from bot.webapi import SlackApi, SlackTrouble
from engine.api import Platform
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator

_log = logging.getLogger(__name__)
_OPEN_SECONDS = 3600.0
_BETWEEN_SECONDS = 10.0
_RECENT = 100
_SHOWN = 10


class Homes:
    def __init__(
        self, platform: Platform, api: SlackApi, people: People, messages: Messages, look: Look
    ) -> None:
        self._platform = platform
        self._api = api
        self._people = people
        self._messages = messages
        self._look = look
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="floe-slack-home")
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[float, Asker]] = {}
        self._renewed = 0.0
        self._stale = False

    def start(self) -> None:
        """Nothing is published before somebody opens theirs."""

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def opened(self, asker: Asker) -> None:
        """Published soon; nobody waits here."""
        with self._lock:
            self._opened[asker.user] = (time.monotonic(), asker)
        self._pool.submit(self._publish, asker).add_done_callback(report)

    def renew(self, changed: bool) -> None:
        """The same for whoever opened theirs in the last hour: soon after something changed."""
        now = time.monotonic()
        with self._lock:
            self._stale |= changed
            if not self._stale or now < self._renewed + _BETWEEN_SECONDS:
                return
            self._stale, self._renewed = False, now
            self._opened = {
                user: (at, asker)
                for user, (at, asker) in self._opened.items()
                if now < at + _OPEN_SECONDS
            }
            askers = [asker for _, asker in self._opened.values()]
        for asker in askers:
            self._pool.submit(self._publish, asker).add_done_callback(report)

    def _publish(self, asker: Asker) -> None:
        try:
            view = self._view(self._people.operator(asker))
        except PromotionError as error:
            view = home_refused(str(error))
        try:
            self._api.call("views.publish", {"user_id": asker.user, "view": view})
        except SlackTrouble as trouble:
            _log.info("the home of %s was not published: %s", asker.user, trouble)

    def _view(self, operator: Operator) -> View:
        changes, store = self._platform.changes, self._platform.store
        waiting = [
            Waiting(change, self._messages.link(f"{change.id}:ask"))
            for change in store.open()
            if changes.awaits(change, operator)
        ]
        own = [c for c in store.recent(_RECENT) if c.requester.same_as(operator)][:_SHOWN]
        now = self._platform.engine.clock.now()
        return home(waiting, self._platform.engine.status(), own, now, self._look)
