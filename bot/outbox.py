"""Sends messages to Slack in order, within its rate limits, with retries."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from bot.ephemeral import EphemeralMessage, EphemeralStore
from bot.message_store import MessageStore, PendingMessage
from bot.sender import Sender
from bot.thread_pool import PoolLoop, log_failure
from bot.webapi import SlackCallError
from engine.bootstrap.leader import Leader
from engine.domain.errors import PromotionError
from engine.ports.telemetry import NO_METRICS, SLACK_DELIVERIES, Metrics
from engine.runtime.wakeups import Topic

_log = logging.getLogger(__name__)
# Errors that an administrator can fix: a missing invitation, scope or token.
_FIXABLE = frozenset(
    {
        "account_inactive",
        "channel_not_found",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "not_authed",
        "not_in_channel",
        "token_expired",
        "token_revoked",
    }
)
_EDITS = "edits"


@dataclass(frozen=True, slots=True)
class OutboxTiming:
    """Intervals in seconds, see https://docs.slack.dev/apis/web-api/rate-limits."""

    post: float = 1.0  # between posts to one channel
    edit: float = 3.0  # between edits of one message that are not urgent
    poll: float = 0.2
    first_retry: float = 1.0
    longest_retry: float = 60.0
    action: float = 5.0  # before an action that failed is tried again
    give_up: float = 24 * 3600
    give_up_ephemeral: float = 1800


class Outbox:
    """
    The only sender of messages. Unsent messages are stored, so that a restart continues.

    `on_link` is called with the key of each message whose link is new. Nothing is sent while this
    server does not lead: of several servers, one sends, in order and at Slack's pace.
    """

    def __init__(
        self,
        sender: Sender,
        messages: MessageStore,
        ephemerals: EphemeralStore,
        on_link: Callable[[str], None],
        timing: OutboxTiming | None = None,
        metrics: Metrics = NO_METRICS,
        leader: Leader | None = None,
    ) -> None:
        self._sender = sender
        self._messages = messages
        self._ephemerals = ephemerals
        self._on_link = on_link
        self.timing = timing or OutboxTiming()
        self._metrics = metrics
        self._leader = leader or Leader(None)
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        # The time from which a channel, or the edits, may be used again.
        self._free: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(6, thread_name_prefix="floe-slack-send")
        self._loop = PoolLoop(
            "floe-slack-outbox",
            self._look,
            "messages cannot be sent to Slack",
            poll=self.timing.poll,
            retry=self.timing.first_retry,
            pool=self._pool,
        )

    def start(self) -> None:
        self._leader.wakeups.subscribe(Topic.MESSAGES, self.wake)
        self._loop.start()

    def wake(self) -> None:
        self._loop.wake()

    def stop(self) -> None:
        """Finish running calls; the next start sends the rest."""
        self._loop.stop()

    def _look(self) -> float:
        if self._leader.leads():
            if self._leader.shared and self._sender.is_cut_off():
                self._hand_over()
            elif self._messages.any_unsent():
                self._dispatch(self._now())
            else:
                return self._leader.wakeups.pause(self.timing.poll)
        return self.timing.poll

    def _hand_over(self) -> None:
        """Let another server send, once no call of this one may still have an effect."""
        with self._lock:
            if self._busy:
                return
        _log.warning("Slack does not answer this server, so another one may send")
        self._sender.forget_unanswered()
        self._leader.step_aside()

    def _dispatch(self, now: float) -> None:
        # Read before the store, whose data about a busy lane may be out of date.
        with self._lock:
            busy = set(self._busy)
        # A delayed message delays the others of its channel, to keep their order.
        for message in self._messages.next_posts():
            if self._may_send(now, message.channel, message.due, message.retry):
                self._submit(busy, message.channel, partial(self._post, message))
        # Urgent edits, which remove buttons, come before gate counts.
        if self._may_send(now, _EDITS):
            for message in self._messages.due_edits(now, self.timing.edit):
                self._submit(busy, message.key, partial(self._edit, message))
        for ephemeral in self._ephemerals.due(now):
            lane = f"answer:{ephemeral.origin.user}"
            self._submit(busy, lane, partial(self._send_ephemeral, ephemeral))

    def _may_send(self, now: float, lane: str, *others: float) -> bool:
        with self._lock:
            return now >= max(self._free.get(lane, 0.0), 0.0, *others)

    def _submit(self, busy: set[str], lane: str, work: Callable[[], None]) -> None:
        """Run `work`, one at a time per lane."""
        if lane in busy:
            return
        busy.add(lane)
        with self._lock:
            self._busy.add(lane)
        self._pool.submit(self._work, lane, work).add_done_callback(log_failure)

    def _work(self, lane: str, work: Callable[[], None]) -> None:
        try:
            # Again: the work may have waited for a thread.
            if self._leader.leads():
                work()
        except PromotionError as error:
            _log.warning("a message sent to Slack could not be recorded: %s", error)
        finally:
            with self._lock:
                self._busy.discard(lane)
            self._loop.wake()

    def _post(self, message: PendingMessage) -> None:
        try:
            link = self._sender.post(message)
        except SlackCallError as error:
            self._handle_failure(message, message.channel, error)
            return
        self._pause(message.channel, self.timing.post)
        self._count("delivered")
        if link:
            self._on_link(message.key)

    def _edit(self, message: PendingMessage) -> None:
        try:
            self._sender.edit(message)
        except SlackCallError as error:
            self._handle_failure(message, _EDITS, error)
        else:
            self._count("delivered")

    def _send_ephemeral(self, message: EphemeralMessage) -> None:
        try:
            self._sender.send_ephemeral(message)
        except SlackCallError as error:
            pause = error.retry_after or self._backoff(message.tries)
            if not error.temporary or self._now() - message.at > self.timing.give_up_ephemeral:
                user = message.origin.user
                _log.warning("an answer to %s could not be delivered: %s", user, error)
            else:
                self._ephemerals.postpone(message, self._now() + pause)
                return
        self._ephemerals.remove(message)

    def _handle_failure(self, message: PendingMessage, lane: str, error: SlackCallError) -> None:
        temporary = error.temporary or error.code in _FIXABLE
        if not temporary or self._now() - message.at > self.timing.give_up:
            _log.warning("%s in %s could not be delivered: %s", message.key, message.channel, error)
            self._messages.mark_failed(message, error.code)
            self._count("failed")
            return
        pause = error.retry_after or self._backoff(message.tries)
        _log.info("%s in %s is retried in %.1f s: %s", message.key, message.channel, pause, error)
        if error.retry_after:
            self._pause(lane, pause)
        self._messages.postpone(message, self._now() + pause, outcome_unknown=error.outcome_unknown)
        self._count("retried")

    def _now(self) -> float:
        return self._messages.now()

    def _count(self, outcome: str) -> None:
        self._metrics.count(SLACK_DELIVERIES, outcome=outcome)

    def _backoff(self, tries: int) -> float:
        return min(self.timing.first_retry * 2.0 ** min(tries, 20), self.timing.longest_retry)

    def _pause(self, lane: str, seconds: float) -> None:
        with self._lock:
            self._free[lane] = self._now() + seconds
