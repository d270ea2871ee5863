"""Shows lock banners where the lock was taken and where changes are announced."""

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from bot.blocks.lock import LockEnd, banner, ended_banner
from bot.catalog import Catalog
from bot.database import BotStore
from bot.group_lock_store import GroupLockStore
from bot.message_store import DesiredMessage, MessageStore
from bot.outbox import Outbox
from bot.thread_pool import log_failure
from engine.domain.change import ChangeState
from engine.domain.errors import PromotionError
from engine.domain.product import qualified
from engine.domain.record import UnlockRecord
from engine.domain.state import LockState
from engine.domain.status import EnvironmentStatus
from engine.platform import Platform
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)
# The registry does not notify about locks and unlocks through other interfaces: it is polled.
REFRESH_SECONDS = 20.0
# Between the reads of two products, so that many products do not burden their registries.
_BETWEEN_SECONDS = 1.0
_AT_ONCE = 8
_HISTORY_LIMIT = 20
_MANIFEST_LOCK = "manifest.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, or a thread in it."""

    channel: str
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class _Banner:
    id: str
    product: str
    environment: str
    held: LockState
    places: tuple[Place, ...]


class LockBanners:
    """
    Updates the banners to match the locks, regularly and on request.

    The products are read in turn, and a slow registry does not delay the banners of others.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: BotStore,
        messages: MessageStore,
        outbox: Outbox,
        groups: GroupLockStore,
        interval_seconds: float = REFRESH_SECONDS,
        leads: Callable[[], bool] = lambda: True,
        also: Callable[[Platform, EnvironmentStatus, float], None] | None = None,
    ) -> None:
        """`also` gets each status that is read, and when its reading began by the store's time."""
        self._catalog = catalog
        self._store = store
        self._messages = messages
        self._outbox = outbox
        self._groups = groups
        self._interval_seconds = interval_seconds
        self._leads = leads
        self._also = also
        self._refreshing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._origins: dict[str, list[Place]] = {}
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="floe-slack-banners")
        self._running: dict[str, Future[None]] = {}
        self._thread = threading.Thread(target=self._run, name="floe-slack-banners", daemon=True)

    def start(self) -> None:
        self._catalog.products.watch(self._notice)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def refresh(
        self, product: str, environment: str | None = None, place: Place | None = None
    ) -> None:
        """
        Update all banners of `product`, and add one in `place`, where `environment` was locked.

        If the registry does not answer, the next refresh does it.
        """
        platform = self._catalog.products.named(product)
        with self._refreshing[product]:
            if environment and place:
                self._origins.setdefault(qualified(product, environment), []).append(place)
            try:
                started = self._store.now()
                rows = platform.engine.status()
                for row in rows:
                    if row.error is None:
                        name = qualified(product, row.name)
                        self._update(platform, row, self._origins.get(name, []))
                        if self._also:
                            self._also(platform, row, started)
            except PromotionError as error:
                _log.warning("lock banners could not be updated: %s", error)
                return
            for row in rows:
                if row.error is None:
                    self._origins.pop(qualified(product, row.name), None)
        self._outbox.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            platforms = tuple(self._catalog)
            if not platforms:
                self._stopping.wait(self._interval_seconds)
                continue
            pause = max(self._interval_seconds / len(platforms), _BETWEEN_SECONDS)
            for platform in platforms:
                with keep_running("lock banners could not be updated", self._stopping.wait, 0):
                    if self._leads():
                        self._submit(platform.product)
                if self._stopping.wait(min(pause, self._interval_seconds)):
                    return

    def _notice(self, product: str) -> None:
        if self._leads() and not self._stopping.is_set():
            self.refresh(product)

    def _submit(self, product: str) -> None:
        """Refresh the banners of `product`, unless its registry has not answered yet."""
        running = self._running.get(product)
        if running is None or running.done():
            self._running[product] = self._pool.submit(self.refresh, product)
            self._running[product].add_done_callback(log_failure)

    def _update(self, platform: Platform, row: EnvironmentStatus, origins: Sequence[Place]) -> None:
        held = row.lock
        if held is not None and (held.operator_id == _MANIFEST_LOCK or held.at is None):
            held = None
        name = qualified(platform.product, row.name)
        known = {banner.id: banner for banner in self._load_shown(platform.product, row.name)}
        current = f"{name}:{held.at.isoformat()}" if held and held.at else None
        for old in known.values():
            if old.id != current:
                self._close(platform, old)
        if held is None or held.at is None or current is None:
            return
        before = known[current].places if current in known else ()
        wanted = [Place(platform.channel)] if platform.channel else []
        if self._groups.announces(platform.product, row.name, held.at.isoformat()):
            # One message shows the locks of many products: only own channels have a banner too.
            wanted = [each for each in wanted if each.channel in platform.channels]
        new = [p for p in dict.fromkeys([*wanted, *origins]) if p not in before]
        self._show(platform, _Banner(current, platform.product, row.name, held, (*before, *new)))

    def _show(self, platform: Platform, shown: _Banner) -> None:
        waiting = len(platform.store.open(shown.environment))
        rendering = self._catalog.rendering(shown.product)
        name = qualified(shown.product, shown.environment)
        with self._store.transaction() as db:
            places = json.dumps([[place.channel, place.thread] for place in shown.places])
            db.execute(
                "INSERT INTO banners (id, environment, document, places) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET places = excluded.places",
                [shown.id, name, shown.held.model_dump_json(), places],
            )
            for key, place in _copies(shown):
                payload = banner(key, shown.environment, shown.held, waiting, rendering)
                self._messages.ensure(
                    place.channel, DesiredMessage(key, payload, thread=place.thread)
                )

    def _close(self, platform: Platform, shown: _Banner) -> None:
        end = _find_end(platform, shown)
        rendering = self._catalog.rendering(shown.product)
        with self._store.transaction() as db:
            for key, place in _copies(shown):
                payload = ended_banner(key, shown.environment, shown.held, end, rendering)
                self._messages.ensure(
                    place.channel, DesiredMessage(key, payload, urgent=True, edit_only=True)
                )
            db.execute("UPDATE banners SET ended = 1 WHERE id = ?", [shown.id])

    def _load_shown(self, product: str, environment: str) -> list[_Banner]:
        with self._store.read() as db:
            rows = db.execute(
                "SELECT id, document, places FROM banners WHERE environment = ? AND ended = 0",
                [qualified(product, environment)],
            ).fetchall()
        return [
            _Banner(
                banner_id,
                product,
                environment,
                LockState.model_validate_json(document),
                tuple(Place(channel, thread) for channel, thread in json.loads(places)),
            )
            for banner_id, document, places in rows
        ]


def _find_end(platform: Platform, shown: _Banner) -> LockEnd:
    """Find the unlock in the history; without one, the lock expired."""
    now = platform.engine.now()
    waiting = platform.store.open(shown.environment)
    approvable = len([c for c in waiting if c.state is ChangeState.AWAITING_APPROVAL])
    since = shown.held.at or now
    for entry in reversed(platform.engine.history(shown.environment, _HISTORY_LIMIT)):
        record = entry.record
        if isinstance(record, UnlockRecord) and record.unlocked_at >= since:
            return LockEnd(record.operator, record.unlocked_at, approvable)
    return LockEnd(None, min(shown.held.expires_at or now, now), approvable)


def _copies(shown: _Banner) -> Iterator[tuple[str, Place]]:
    """The message key and place of each copy of a banner."""
    for number, place in enumerate(shown.places):
        yield f"lock:{shown.id}:{number}", place
