"""Follows the feed of changes and says in Slack what became of them."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pydantic import JsonValue

from bot.blocks.rendering_context import Look
from bot.database import BotStore
from bot.gate_progress import GateLog
from bot.identity import People
from bot.message_store import Messages, Wanted
from bot.outbox import Outbox
from bot.thread_content import announced, hidden, reminded, root_key, thread_of
from engine.api import Platform
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment
from engine.runtime.background import enduring

_CURSOR = "cursor"
# The store is held for as long as a page is taken in, and requests of Slack wait for it.
_PAGE = 50
_AHEAD = 1000
_LOOK_SECONDS = 0.3
_REMIND_SECONDS = 5.0
_MENTIONS_SECONDS = 60.0


class _Event(Protocol):
    """An entry of the feed, as far as it is used here."""

    @property
    def sequence(self) -> int: ...
    @property
    def change_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def details(self) -> Mapping[str, JsonValue]: ...


class Follower:
    """
    One thread. Where it is in the feed, and what is to be said, are written together: nothing is
    said twice or forgotten, whenever it is stopped. `renewed` is told again and again whether
    something changed.
    """

    def __init__(
        self,
        platform: Platform,
        store: BotStore,
        messages: Messages,
        gates: GateLog,
        people: People,
        outbox: Outbox,
        look: Look,
        renewed: Callable[[bool], None],
    ) -> None:
        self._platform = platform
        self._store = store
        self._messages = messages
        self._gates = gates
        self._people = people
        self._outbox = outbox
        self._look = look
        self._renewed = renewed
        self._lock = threading.Lock()
        self._touched: set[str] = set()
        self._mentions: dict[tuple[str, ...], tuple[float, str]] = {}
        self._reminded = 0.0
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="floe-slack-follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def touch(self, change_id: str) -> None:
        """Say again what is to be said about it: something else has become known."""
        with self._lock:
            self._touched.add(change_id)
        self._awake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begun = False
        while not self._stopping.is_set():
            with enduring("changes cannot be followed for Slack", self._stopping.wait, 1):
                if not begun:
                    self._begin()
                    begun = True
                while self._follow() and not self._stopping.is_set():
                    pass
                self._remind()
                self._renewed(False)
            self._awake.wait(_LOOK_SECONDS)
            self._awake.clear()

    def _begin(self) -> None:
        """What ended before anybody listened is not news; what is open is."""
        known = self._store.fact(_CURSOR)
        newest = self._newest()
        if known is None:
            self._store.keep_fact(_CURSOR, str(newest))
        elif newest < int(known) and (newest or not self._platform.store.recent(1)):
            # The store was begun anew, and counts from one again.
            self._store.keep_fact(_CURSOR, "0")
        for change in self._platform.store.open():
            self.touch(change.id)
        for change_id in self._messages.unfinished():
            self.touch(change_id)

    def _newest(self) -> int:
        newest = 0
        while page := self._platform.store.events(newest, 1000):
            newest = page[-1].sequence
        return newest

    def _follow(self) -> bool:
        """Take in one page of the feed; whether there may be more."""
        cursor = int(self._store.fact(_CURSOR) or 0)
        events = self._platform.store.events(cursor, _PAGE)
        with self._lock:
            touched, self._touched = self._touched, set()
        if not events and not touched:
            return False
        try:
            self._take_in(events, touched)
        except Exception:
            with self._lock:
                self._touched |= touched
            raise
        self._outbox.wake()
        self._renewed(True)
        return True

    def _take_in(self, events: Sequence[_Event], touched: set[str]) -> None:
        changes = self._changes([*(event.change_id for event in events), *touched])
        ahead = self._ahead(events)
        asked = {change.id: self._approvers(change) for change in changes.values()}
        with self._store.transaction():
            for change in changes.values():
                self._announce(change)
            for event in events:
                self._gate(changes.get(event.change_id), event.kind, event.details)
            for change in changes.values():
                if change.id not in ahead:
                    self._tell(change, asked[change.id])
            if events:
                self._store.keep_fact(_CURSOR, str(events[-1].sequence))

    def _ahead(self, events: Sequence[_Event]) -> set[str]:
        """Changes, read after `events`, that may be further: told once their feed is as far."""
        read = events[-1].sequence if events else int(self._store.fact(_CURSOR) or 0)
        return {event.change_id for event in self._platform.store.events(read, _AHEAD)}

    def _changes(self, ids: Iterable[str]) -> dict[str, Change]:
        found = [self._platform.store.get(change_id) for change_id in dict.fromkeys(ids)]
        return {c.id: c for c in found if c is not None and not hidden(c) and self._channel(c)}

    def _announce(self, change: Change) -> None:
        """First of all: everything else stands in its thread."""
        channel = self._channel(change)
        if channel:
            self._messages.want(channel, self._root(change))

    def _gate(self, change: Change | None, kind: str, details: Mapping[str, JsonValue]) -> None:
        if change is None:
            return
        if kind == "gate_started":
            self._gates.started(change.id, str(details.get("gate")))
        elif kind == "gate_finished":
            self._gates.finished(change.id, self._channel(change), details.get("result"))

    def _tell(self, change: Change, approvers: str) -> None:
        channel = self._channel(change)
        if channel is None:
            return
        self._messages.want(channel, self._root(change))
        for wanted in thread_of(change, self._look, approvers):
            self._messages.want(channel, wanted)

    def _root(self, change: Change) -> Wanted:
        target = self._target(change)
        total = len(target.gates) if target and change.action == "promote" else 0
        progress = self._gates.progress(change.id, total)
        link = self._messages.link(f"{change.id}:ask")
        return announced(change, progress, self._look, link)

    def _remind(self) -> None:
        """Once, at half time."""
        if time.monotonic() < self._reminded + _REMIND_SECONDS:
            return
        self._reminded = time.monotonic()
        now = self._platform.engine.clock.now()
        for change in self._platform.store.open():
            channel, target = self._channel(change), self._target(change)
            waits = change.state is ChangeState.AWAITING_APPROVAL
            if not waits or channel is None or target is None or change.expires_at is None:
                continue
            left = timedelta(seconds=target.approvals.expires_after_seconds) / 2
            if now >= change.expires_at - left and self._messages.place(f"{change.id}:ask"):
                self._messages.want(channel, reminded(change, self._approvers(change)))

    def _approvers(self, change: Change) -> str:
        """Slack is asked at most once a minute, and not while the store is held."""
        if change.state is not ChangeState.AWAITING_APPROVAL:
            return ""
        groups = change.groups or self._authorized(change)
        known = self._mentions.get(groups)
        if known is None or time.monotonic() > known[0] + _MENTIONS_SECONDS:
            known = (time.monotonic(), self._people.mention(groups))
            self._mentions[groups] = known
        return known[1]

    def _authorized(self, change: Change) -> tuple[str, ...]:
        """Where no group of approvers is named, those decide who may promote there."""
        target = self._target(change)
        rules = target.authorization if target else None
        return tuple(sorted((rules.allowed_groups if rules else None) or ()))

    def _target(self, change: Change) -> Environment | None:
        """None for an environment that manifest.yaml has lost meanwhile."""
        environments = self._platform.engine.path.environments
        return next((e for e in environments if e.name == change.target), None)

    def _channel(self, change: Change) -> str | None:
        known = self._messages.place(root_key(change.id))
        if known is not None:
            return known[0]
        asked_in = change.context.get("slack_channel")
        return self._look.channel or (asked_in if isinstance(asked_in, str) else None)
