"""Follows the feed of changes and updates their messages in Slack."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from bot.approver_mentions import ApproverMentions
from bot.break_glass import BreakGlassNotices, used_break_glass
from bot.catalog import Catalog
from bot.database import BotStore
from bot.direct_messages import DirectMessages
from bot.gate_progress import GateProgressStore
from bot.identity import SlackIdentities
from bot.message_store import DesiredMessage, MessageStore
from bot.outbox import Outbox
from bot.recipients import target_of
from bot.thread_content import (
    card_key,
    card_message,
    checkpoint_message,
    escalation_message,
    is_hidden,
    output_message,
    reminder_message,
    thread_messages,
)
from engine.changes.checkpoint_events import CHECKPOINTED
from engine.changes.deployment_events import last_rollout
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment
from engine.domain.gate import GateStatus
from engine.ports.change_store import Event
from engine.runtime.background import keep_running
from engine.runtime.wakeups import Topic

_CURSOR = "cursor"
# Slack requests wait for the store while a page of events is processed, so pages are small.
_PAGE = 50
_LATER_EVENTS = 1000
_POLL_SECONDS = 0.3
_REMIND_SECONDS = 5.0


class FeedFollower:
    """
    A thread that reads the feed.

    The position in the feed and the messages are stored in one transaction, so that a crash
    neither loses nor repeats a message. `on_progress` is called in every round with True if
    events were processed, or announced to a server that does not lead.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: BotStore,
        messages: MessageStore,
        gates: GateProgressStore,
        identities: SlackIdentities,
        outbox: Outbox,
        notices: BreakGlassNotices,
        direct: DirectMessages,
        on_progress: Callable[[bool], None],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._catalog = catalog
        self._changes_store = catalog.products.store
        self._store = store
        self._messages = messages
        self._gates = gates
        self._approvers = ApproverMentions(catalog, identities)
        self._outbox = outbox
        self._notices = notices
        self._direct = direct
        self._on_progress = on_progress
        self._leads = leads
        self._lock = threading.Lock()
        self._queued: set[str] = set()
        self._deployed: Mapping[str, Mapping[str, JsonValue] | None] = {}
        self._reminded = 0.0
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="floe-slack-follower", daemon=True)

    def start(self) -> None:
        self._catalog.products.wakeups.subscribe(Topic.FEED, self.wake)
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def queue_update(self, change_id: str) -> None:
        """Render the messages of a change again in the next round."""
        with self._lock:
            self._queued.add(change_id)
        self._awake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        started = False
        while not self._stopping.is_set():
            pause = _POLL_SECONDS
            with keep_running("the change feed cannot be read for Slack", self._stopping.wait, 1):
                if not self._leads():
                    started = False
                    # App Homes that were opened through this server are refreshed by it.
                    changed = self._awake.wait(pause)
                    self._awake.clear()
                    self._on_progress(changed)
                    continue
                if not started:
                    self._find_start()
                    self._direct.wake()
                    started = True
                while self._follow() and not self._stopping.is_set():
                    pass
                self._remind()
                self._direct.deliver()
                self._on_progress(False)
                pause = self._catalog.products.wakeups.pause(pause)
            self._awake.wait(pause)
            self._awake.clear()

    def _find_start(self) -> None:
        """Start at the end of the feed for a new store; open changes are announced anyway."""
        known = self._store.read_fact(_CURSOR)
        newest = self._newest_sequence()
        if known is None:
            self._store.write_fact(_CURSOR, str(newest))
        elif newest < int(known) and (newest or not self._changes_store.recent(1)):
            # The change store was replaced: its sequence starts at 1 again.
            self._store.write_fact(_CURSOR, "0")
        for change in self._changes_store.open():
            self.queue_update(change.id)
        for change_id in self._messages.unfinished_changes():
            self.queue_update(change_id)

    def _newest_sequence(self) -> int:
        newest = 0
        while page := self._changes_store.events(newest, 1000):
            newest = page[-1].sequence
        return newest

    def _follow(self) -> bool:
        """Process one page of the feed; return whether there may be more."""
        cursor = int(self._store.read_fact(_CURSOR) or 0)
        events = self._changes_store.events(cursor, _PAGE)
        with self._lock:
            queued, self._queued = self._queued, set()
        if not events and not queued:
            return False
        try:
            self._process(events, queued)
        except Exception:
            with self._lock:
                self._queued |= queued
            raise
        self._outbox.wake()
        self._direct.wake()
        self._on_progress(True)
        return True

    def _process(self, events: Sequence[Event], queued: set[str]) -> None:
        changes = self._changes([*(event.change_id for event in events), *queued])
        later = self._changes_with_later_events(events)
        approvers = {change.id: self._approvers.of(change) for change in changes.values()}
        promoted = [each.id for each in changes.values() if each.state is ChangeState.PROMOTED]
        self._deployed = {e: last_rollout(self._changes_store.events_of(e)) for e in promoted}
        with self._store.transaction():
            for change in changes.values():
                self._announce(change)
            for event in events:
                self._record_gate(changes.get(event.change_id), event)
            for change in changes.values():
                if change.id not in later:
                    self._update_messages(change, approvers[change.id])
            for event in events:
                self._announce_checkpoint(changes.get(event.change_id), event)
            if events:
                self._store.write_fact(_CURSOR, str(events[-1].sequence))

    def _changes_with_later_events(self, events: Sequence[Event]) -> set[str]:
        """Changes with events after `events`: rendered only once the feed has caught up."""
        read = events[-1].sequence if events else int(self._store.read_fact(_CURSOR) or 0)
        return {event.change_id for event in self._changes_store.events(read, _LATER_EVENTS)}

    def _changes(self, ids: Iterable[str]) -> dict[str, Change]:
        found = [self._changes_store.get(change_id) for change_id in dict.fromkeys(ids)]
        return {c.id: c for c in found if c is not None and self._is_shown(c)}

    def _is_shown(self, change: Change) -> bool:
        """A card that is in the channel stays up to date, also if its change ends at once."""
        hidden = is_hidden(change) and not self._messages.keys_with_prefix(card_key(change.id))
        return not hidden and bool(self._channel(change))

    def _announce(self, change: Change) -> None:
        """Post the card first: all other messages are in its thread."""
        channel = self._channel(change)
        if channel:
            self._messages.ensure(channel, self._card(change))

    def _record_gate(self, change: Change | None, event: Event) -> None:
        if change is None:
            return
        if event.kind == "gate_started":
            self._gates.record_start(change.id, str(event.details.get("gate")))
        elif event.kind == "gate_finished":
            channel = self._channel(change)
            result = self._gates.record_end(change, channel, event.details.get("result"))
            if channel and result and result.status is GateStatus.FAILED:
                output = self._changes_store.output(change.id, result.gate)
                if output and output.strip():
                    rendering = self._catalog.of_change(change)
                    message = output_message(change, result.gate, output, rendering)
                    self._messages.ensure(channel, message)

    def _announce_checkpoint(self, change: Change | None, event: Event) -> None:
        channel = self._channel(change) if change else None
        if change and channel and event.kind == CHECKPOINTED:
            self._messages.ensure(channel, checkpoint_message(change.id, event.details))

    def _update_messages(self, change: Change, approvers: str) -> None:
        channel = self._channel(change)
        if channel is None:
            return
        self._messages.ensure(channel, self._card(change))
        if used_break_glass(change):
            self._notices.announce_change(change, channel, approvers)
        for message in thread_messages(change, self._catalog.of_change(change), approvers):
            self._messages.ensure(channel, message)
        deployed = self._deployed.get(change.id) or {}
        self._direct.add(change, failed=deployed.get("failed") is True)

    def _card(self, change: Change) -> DesiredMessage:
        target = self._target(change)
        total = len(target.gates) if target and change.action == "promote" else 0
        progress = self._gates.read_progress(change.id, total)
        link = self._messages.find_link(f"{change.id}:ask")
        deployed = self._deployed.get(change.id)
        return card_message(change, progress, self._catalog.of_change(change), link, deployed)

    def _remind(self) -> None:
        """Remind approvers once, after half of the time to approve."""
        if time.monotonic() < self._reminded + _REMIND_SECONDS:
            return
        self._reminded = time.monotonic()
        now = self._catalog.now()
        for change in self._changes_store.open():
            channel, target = self._channel(change), self._target(change)
            waits = change.state is ChangeState.AWAITING_APPROVAL
            if not waits or channel is None or target is None or change.expires_at is None:
                continue
            asked = self._messages.location(f"{change.id}:ask")
            if not asked or not change.missing_approvals:
                continue
            if change.escalates_at is not None and now >= change.escalates_at:
                further = self._approvers.escalation(change)
                self._messages.ensure(channel, escalation_message(change, further))
            left = timedelta(seconds=target.approvals.expires_after_seconds) / 2
            if now >= change.expires_at - left:
                self._messages.ensure(channel, reminder_message(change, self._approvers.of(change)))
                self._direct.add_late(change)
                self._direct.wake()

    def _target(self, change: Change) -> Environment | None:
        return target_of(self._catalog.products.get(change.product), change)

    def _channel(self, change: Change) -> str | None:
        known = self._messages.location(card_key(change.id))
        if known is not None:
            return known[0]
        requested_in = change.context.get("slack_channel")
        channel = self._catalog.of_change(change).channel
        return channel or (requested_in if isinstance(requested_in, str) else None)
