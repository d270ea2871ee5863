"""Publishes App Homes when they are opened, and again after a change."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bot.blocks.elements import View
from bot.blocks.home import render_home, render_home_error
from bot.blocks.overview import render_home_of_products
from bot.catalog import Catalog, may_view
from bot.identity import SlackIdentities
from bot.inbox import Origin
from bot.mutes import Mutes
from bot.overviews import Overviews, read_rows
from bot.thread_pool import log_failure
from bot.webapi import SlackApi, SlackCallError
from engine.domain.errors import AuthorizationError, PromotionError
from engine.domain.operator import Operator

_log = logging.getLogger(__name__)
_OPEN_SECONDS = 3600.0
_BETWEEN_SECONDS = 10.0
_RECENT = 100
_SHOWN = 10


class AppHomes:
    def __init__(
        self,
        catalog: Catalog,
        api: SlackApi,
        identities: SlackIdentities,
        overviews: Overviews,
        mutes: Mutes,
    ) -> None:
        self._catalog = catalog
        self._api = api
        self._identities = identities
        self._overviews = overviews
        self._mutes = mutes
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
            view = self._view(self._identities.resolve(origin), origin)
        except PromotionError as error:
            view = render_home_error(str(error))
        try:
            self._api.call("views.publish", {"user_id": origin.user, "view": view})
        except SlackCallError as error:
            _log.info("the home of %s was not published: %s", origin.user, error)

    def _view(self, operator: Operator, origin: Origin) -> View:
        products = self._catalog.products
        recent = products.store.recent(_RECENT)
        own = [c for c in recent if c.requester.same_as(operator)][:_SHOWN]
        muted = self._mutes.of(origin.user)
        if products.several:
            requests = [(change, self._catalog.of_change(change)) for change in own]
            shown = self._overviews.of(operator, origin)
            visible = (each.product for each in self._catalog if may_view(each, operator))
            return render_home_of_products(shown, requests, sorted(muted.intersection(visible)))
        [platform] = products.values()
        if not may_view(platform, operator):
            raise AuthorizationError("you may not see this server's environments")
        waiting = [*self._overviews.waiting(operator)]
        rendering = self._catalog.rendering(platform.product)
        status, now = read_rows(platform), platform.engine.now()
        return render_home(waiting, status, own, now, rendering, muted=platform.product in muted)
