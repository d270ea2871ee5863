"""Shows lock banners where the lock was taken and where changes are announced."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.blocks.lock import LockEnd, banner, ended_banner
from bot.blocks.rendering_context import RenderingContext
from bot.database import BotStore
from bot.message_store import DesiredMessage, MessageStore
from bot.outbox import Outbox
from engine.domain.change import ChangeState
from engine.domain.errors import PromotionError
from engine.domain.record import UnlockRecord
from engine.domain.state import LockState
from engine.domain.status import EnvironmentStatus
from engine.platform import Platform
from engine.runtime.background import keep_running

_log = logging.getLogger(__name__)
# The registry does not notify about locks and unlocks through other interfaces: it is polled.
REFRESH_SECONDS = 20.0
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
    environment: str
    held: LockState
    places: tuple[Place, ...]


class LockBanners:
    """Updates the banners to match the locks, regularly and on request."""

    def __init__(
        self,
        platform: Platform,
        store: BotStore,
        messages: MessageStore,
        outbox: Outbox,
        rendering: RenderingContext,
        interval_seconds: float = REFRESH_SECONDS,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._platform = platform
        self._store = store
        self._messages = messages
        self._outbox = outbox
        self._rendering = rendering
        self._interval_seconds = interval_seconds
        self._leads = leads
        self._refreshing = threading.Lock()
        self._origins: dict[str, list[Place]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="floe-slack-banners", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self, environment: str | None = None, place: Place | None = None) -> None:
        """
        Update all banners, and add one in `place`, from where `environment` was locked.

        If the registry does not answer, the next refresh does it.
        """
        with self._refreshing:
            if environment and place:
                self._origins.setdefault(environment, []).append(place)
            try:
                rows = self._platform.engine.status()
                for row in rows:
                    if row.error is None:
                        self._update(row, self._origins.get(row.name, []))
            except PromotionError as error:
                _log.warning("lock banners could not be updated: %s", error)
                return
            unread = {row.name for row in rows if row.error}
            self._origins = {n: places for n, places in self._origins.items() if n in unread}
        self._outbox.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with keep_running("lock banners could not be updated", self._stopping.wait, 0):
                if self._leads():
                    self.refresh()
            self._stopping.wait(self._interval_seconds)

    def _update(self, row: EnvironmentStatus, origins: Sequence[Place]) -> None:
        held = row.lock
        if held is not None and (held.operator_id == _MANIFEST_LOCK or held.at is None):
            held = None
        known = {banner.id: banner for banner in self._load_shown(row.name)}
        current = f"{row.name}:{held.at.isoformat()}" if held and held.at else None
        for old in known.values():
            if old.id != current:
                self._close(old)
        if held is None or current is None:
            return
        before = known[current].places if current in known else ()
        wanted = [Place(self._rendering.channel)] if self._rendering.channel else []
        new = [p for p in dict.fromkeys([*wanted, *origins]) if p not in before]
        self._show(_Banner(current, row.name, held, (*before, *new)))

    def _show(self, shown: _Banner) -> None:
        waiting = len(self._platform.store.open(shown.environment))
        with self._store.transaction() as db:
            places = json.dumps([[place.channel, place.thread] for place in shown.places])
            db.execute(
                "INSERT INTO banners (id, environment, document, places) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET places = excluded.places",
                [shown.id, shown.environment, shown.held.model_dump_json(), places],
            )
            for key, place in _copies(shown):
                payload = banner(key, shown.environment, shown.held, waiting, self._rendering)
                self._messages.ensure(
                    place.channel, DesiredMessage(key, payload, thread=place.thread)
                )

    def _close(self, shown: _Banner) -> None:
        end = self._find_end(shown)
        with self._store.transaction() as db:
            for key, place in _copies(shown):
                payload = ended_banner(key, shown.environment, shown.held, end, self._rendering)
                self._messages.ensure(
                    place.channel, DesiredMessage(key, payload, urgent=True, edit_only=True)
                )
            db.execute("UPDATE banners SET ended = 1 WHERE id = ?", [shown.id])

    def _find_end(self, shown: _Banner) -> LockEnd:
        """Find the unlock in the history; without one, the lock expired."""
        now = self._platform.engine.now()
        waiting = self._platform.store.open(shown.environment)
        approvable = len([c for c in waiting if c.state is ChangeState.AWAITING_APPROVAL])
        since = shown.held.at or now
        for entry in reversed(self._platform.engine.history(shown.environment, _HISTORY_LIMIT)):
            record = entry.record
            if isinstance(record, UnlockRecord) and record.unlocked_at >= since:
                return LockEnd(record.operator, record.unlocked_at, approvable)
        return LockEnd(None, min(shown.held.expires_at or now, now), approvable)

    def _load_shown(self, environment: str) -> list[_Banner]:
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT id, document, places FROM banners WHERE environment = ? AND ended = 0",
                [environment],
            ).fetchall()
        return [
            _Banner(
                banner_id,
                environment,
                LockState.model_validate_json(document),
                tuple(Place(channel, thread) for channel, thread in json.loads(places)),
            )
            for banner_id, document, places in rows
        ]


def _copies(shown: _Banner) -> Iterator[tuple[str, Place]]:
    """The message key and place of each copy of a banner."""
    for number, place in enumerate(shown.places):
        yield f"lock:{shown.id}:{number}", place
