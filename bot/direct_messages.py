"""Sends direct messages about changes to their requesters and approvers."""

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from bot.blocks import direct_message
from bot.blocks.elements import Payload
from bot.break_glass import used_break_glass
from bot.catalog import Catalog
from bot.database import BotStore
from bot.identity import SlackIdentities
from bot.message_store import DesiredMessage, MessageStore
from bot.mutes import Mutes
from bot.notice_store import Kind, Notice, NoticeStore
from bot.outbox import Outbox
from bot.recipients import Recipients, approver_groups, target_of, waits_for_approval
from bot.thread_content import card_key
from bot.thread_pool import log_failure
from bot.webapi import SlackCallError
from engine.changes.deployment_events import last_rollout
from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.platform import Platform

_log = logging.getLogger(__name__)
_DAY = timedelta(days=1)
_LONGEST_RETRY_SECONDS = 60.0
# About a day of retries.
_MOST_TRIES = 1500
# The card and the approval request are posted within seconds, and messages link to them.
_LINK_SECONDS = 10.0
# Of a promotion that people hear about later, floe checks whether it still runs.
_SOON_SECONDS = 60.0
_Build = Callable[[str], Payload]


class DirectMessages:
    """
    The feed stores due messages in its own transaction; this class finds the people in Slack.

    Each message is checked again before it is sent, because quiet hours or an outage of Slack may
    have made it untrue.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: BotStore,
        messages: MessageStore,
        identities: SlackIdentities,
        outbox: Outbox,
        mutes: Mutes,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._messages = messages
        self._identities = identities
        self._outbox = outbox
        self._recipients = Recipients(identities, mutes)
        self._notices = NoticeStore(store)
        self._lock = threading.Lock()
        self._next = 0.0
        self._running: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="floe-slack-direct")

    def start(self) -> None:
        """Do nothing: the follower of the feed calls `deliver`."""

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, change: Change, *, failed: bool) -> None:
        """Store the due messages about `change`, whose deployment `failed`; then call `wake`."""
        if waits_for_approval(change):
            self._add(change, Kind.ASK)
            return
        self._close_requests(change)
        # The messages of older changes were sent, or floe sent none at that time.
        if not change.open and self._catalog.now() - change.updated_at < _DAY:
            self._add(change, Kind.END)
        if failed:
            self._add(change, Kind.FAILED)

    def add_late(self, change: Change) -> None:
        """Store that the requester of `change` should know that approvals are missing."""
        self._add(change, Kind.LATE)

    def wake(self) -> None:
        """Look for due messages at the next `deliver`."""
        with self._lock:
            self._next = 0.0

    def deliver(self) -> None:
        """Start sending due messages, unless it is going on."""
        with self._lock:
            busy = self._running is not None and not self._running.done()
            if not busy and self._notices.now() >= self._next:
                self._next = math.inf
                self._running = self._pool.submit(self._deliver)
                self._running.add_done_callback(log_failure)

    def _add(self, change: Change, kind: Kind) -> None:
        platform = self._catalog.products.get(change.product)
        if platform is not None and _wants(platform, kind):
            self._notices.add(change.id, kind)

    def _close_requests(self, change: Change) -> None:
        """
        Edit the requests for approval that were sent, and drop the others.

        They are due again if the change loses an approval; then those that were sent are edited.
        """
        self._notices.forget(change.id, Kind.ASK)
        for key in self._messages.keys_with_prefix(f"{change.id}:{Kind.ASK}:"):
            if not self._messages.withdraw(key):
                payload = direct_message.asked(change, self._catalog.of_change(change), key)
                self._messages.ensure("", DesiredMessage(key, payload, edit_only=True))

    def _deliver(self) -> None:
        later = self._notices.now() + 1
        try:
            for notice in self._notices.due():
                self._handle(notice)
            due = self._notices.next_due()
            later = math.inf if due is None else due
        finally:
            with self._lock:
                self._next = min(self._next, later)
        self._outbox.wake()

    def _handle(self, notice: Notice) -> None:
        change = self._catalog.products.store.get(notice.change_id)
        platform = self._catalog.products.get(change.product) if change else None
        if change is None or platform is None or not _wants(platform, notice.kind):
            self._notices.finish(notice)
        elif (wait := self._wait(platform, change, notice)) is not None:
            self._notices.postpone(notice, wait)
        else:
            try:
                self._write(platform, change, notice)
            except (SlackCallError, PromotionError) as error:
                self._retry(notice, error)

    def _wait(self, platform: Platform, change: Change, notice: Notice) -> float | None:
        """Until when the message must wait, in seconds since 1970."""
        quiet = platform.notify.quiet_hours
        if quiet is not None and not _is_urgent(platform, change, notice.kind):
            end = quiet.end_after(self._catalog.now())
            if end is not None:
                return end.timestamp()
        now = self._notices.now()
        linked = self._link(notice) is not None
        return None if linked or now - notice.at >= _LINK_SECONDS else now + 1

    def _write(self, platform: Platform, change: Change, notice: Notice) -> None:
        written: dict[str, DesiredMessage] = {}
        if (build := self._builder(platform, change, notice)) is not None:
            asks = notice.kind is Kind.ASK
            find = self._recipients.approvers if asks else self._recipients.requester
            for user in find(platform, change):
                key = f"{notice.key}:{user}"
                written[user] = DesiredMessage(key, build(key))
        with self._store.transaction():
            # The feed may have closed the requests while Slack was asked for the people.
            if notice.kind in (Kind.ASK, Kind.LATE) and not self._waits(change.id):
                written.clear()
            for user, message in written.items():
                self._messages.ensure(user, message)
            self._notices.finish(notice)

    def _waits(self, change_id: str) -> bool:
        change = self._catalog.products.store.get(change_id)
        return change is not None and waits_for_approval(change)

    def _builder(self, platform: Platform, change: Change, notice: Notice) -> _Build | None:
        """The function that renders the message for a key; None if it is no longer true."""
        about = (change, self._catalog.of_change(change))
        link = self._link(notice)
        match notice.kind:
            case Kind.ASK if waits_for_approval(change):
                return partial(direct_message.ask, *about, link=link)
            case Kind.LATE if waits_for_approval(change):
                groups = approver_groups(change, target_of(platform, change))
                asked = self._identities.mention_groups(groups)
                return partial(direct_message.late, *about, link=link, approvers=asked)
            case Kind.END if not change.open and self._still_true(platform, change, notice):
                return partial(direct_message.ended, *about, link=link)
            case Kind.FAILED:
                deployed = last_rollout(platform.store.events_of(change.id)) or {}
                if deployed.get("failed") is True:
                    summary = str(deployed.get("summary"))
                    return partial(direct_message.failed, *about, link=link, summary=summary)
        return None

    def _still_true(self, platform: Platform, change: Change, notice: Notice) -> bool:
        """Whether a version that was promoted a while ago still runs; its registry is asked."""
        new = self._notices.now() - notice.at < _SOON_SECONDS
        if new or change.state is not ChangeState.PROMOTED or change.waiver is not None:
            return True
        [row] = platform.engine.status(change.target)
        if row.error is not None:
            raise row.error
        return row.state.digest == change.digest

    def _retry(self, notice: Notice, error: Exception) -> None:
        if notice.tries >= _MOST_TRIES:
            _log.warning("direct messages %s are given up: %s", notice.key, error)
            self._notices.finish(notice)
            return
        pause = min(2.0 ** min(notice.tries, 10), _LONGEST_RETRY_SECONDS)
        _log.info("direct messages %s are retried in %.0f s: %s", notice.key, pause, error)
        self._notices.postpone(notice, self._notices.now() + pause)

    def _link(self, notice: Notice) -> str | None:
        change = notice.change_id
        key = f"{change}:ask" if notice.kind is Kind.ASK else card_key(change)
        return self._messages.find_link(key)


def _wants(platform: Platform, kind: Kind) -> bool:
    notify = platform.notify
    return notify.approvers == "dm" if kind is Kind.ASK else notify.requester


def _is_urgent(platform: Platform, change: Change, kind: Kind) -> bool:
    """Whether quiet hours do not delay it: break-glass, and failures in the last environment."""
    last = change.target == platform.engine.path.names[-1]
    failed = kind is Kind.FAILED or (kind is Kind.END and change.state is ChangeState.FAILED)
    return used_break_glass(change) or (last and failed)
