"""Locks as banners: up where they were taken and where changes are announced, then down."""

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.blocks.lock import Over, banner, banner_over
from bot.blocks.rendering_context import Look
from bot.database import BotStore
from bot.message_store import Messages, Wanted
from bot.outbox import Outbox
from engine.api import Platform
from engine.domain.change import ChangeState
from engine.domain.errors import PromotionError
from engine.domain.record import UnlockRecord
from engine.domain.state import LockState
from engine.domain.status import EnvironmentStatus
from engine.runtime.background import enduring

_log = logging.getLogger(__name__)
# Locks are taken and lifted through other faces too, and the ledger tells nobody.
LOOK_SECONDS = 20.0
_LOOK_BACK = 20
_FROM_THE_FILE = "manifest.yaml"


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


class Banners:
    """
    Compares the banners there are with the locks there are, every few seconds and when told to.
    """

    def __init__(
        self,
        platform: Platform,
        store: BotStore,
        messages: Messages,
        outbox: Outbox,
        look: Look,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._platform = platform
        self._store = store
        self._messages = messages
        self._outbox = outbox
        self._look = look
        self._look_seconds = look_seconds
        self._one_at_a_time = threading.Lock()
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
        Have what is so now be seen: also in `place`, from where `environment` was locked. When the
        registry does not answer it is seen later.
        """
        with self._one_at_a_time:
            if environment and place:
                self._origins.setdefault(environment, []).append(place)
            try:
                rows = self._platform.engine.status()
                for row in rows:
                    if row.error is None:
                        self._bring(row, self._origins.get(row.name, []))
            except PromotionError as error:
                _log.warning("banners are not up to date: %s", error)
                return
            unread = {row.name for row in rows if row.error}
            self._origins = {n: places for n, places in self._origins.items() if n in unread}
        self._outbox.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with enduring("banners are not up to date", self._stopping.wait, 0):
                self.refresh()
            self._stopping.wait(self._look_seconds)

    def _bring(self, row: EnvironmentStatus, origins: Sequence[Place]) -> None:
        held = row.lock
        if held is not None and (held.operator_id == _FROM_THE_FILE or held.at is None):
            held = None
        known = {banner.id: banner for banner in self._up(row.name)}
        current = f"{row.name}:{held.at.isoformat()}" if held and held.at else None
        for old in known.values():
            if old.id != current:
                self._take_down(old)
        if held is None or current is None:
            return
        before = known[current].places if current in known else ()
        wanted = [Place(self._look.channel)] if self._look.channel else []
        new = [p for p in dict.fromkeys([*wanted, *origins]) if p not in before]
        self._put_up(_Banner(current, row.name, held, (*before, *new)))

    def _put_up(self, up: _Banner) -> None:
        waiting = len(self._platform.store.open(up.environment))
        with self._store.transaction() as db:
            places = json.dumps([[place.channel, place.thread] for place in up.places])
            db.execute(
                "INSERT INTO banners (id, environment, document, places) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET places = ?",
                [up.id, up.environment, up.held.model_dump_json(), places, places],
            )
            for key, place in _placed(up):
                payload = banner(key, up.environment, up.held, waiting, self._look)
                self._messages.want(place.channel, Wanted(key, payload, thread=place.thread))

    def _take_down(self, up: _Banner) -> None:
        over = self._ending(up)
        with self._store.transaction() as db:
            for key, place in _placed(up):
                payload = banner_over(key, up.environment, up.held, over, self._look)
                self._messages.want(
                    place.channel, Wanted(key, payload, urgent=True, only_there=True)
                )
            db.execute("UPDATE banners SET ended = 1 WHERE id = ?", [up.id])

    def _ending(self, up: _Banner) -> Over:
        """Who lifted it; nobody did if it ran out."""
        now = self._platform.engine.clock.now()
        waiting = self._platform.store.open(up.environment)
        can = len([c for c in waiting if c.state is ChangeState.AWAITING_APPROVAL])
        since = up.held.at or now
        for entry in reversed(self._platform.engine.history(up.environment, _LOOK_BACK)):
            record = entry.record
            if isinstance(record, UnlockRecord) and record.unlocked_at >= since:
                return Over(record.operator, record.unlocked_at, can)
        return Over(None, _earlier(up.held.expires_at, now), can)

    def _up(self, environment: str) -> list[_Banner]:
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


def _placed(up: _Banner) -> Iterator[tuple[str, Place]]:
    """The key of the message in every place."""
    for number, place in enumerate(up.places):
        yield f"lock:{up.id}:{number}", place


def _earlier(expires_at: datetime | None, now: datetime) -> datetime:
    return min(expires_at, now) if expires_at else now
