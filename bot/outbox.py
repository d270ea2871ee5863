"""Sends what should stand in Slack: in order, within its limits, and again after trouble."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from bot.ephemeral import Answer, Answers
from bot.message_store import Message, Messages
from bot.sender import Sender
from bot.thread_pool import report
from bot.webapi import SlackTrouble
from engine.domain.errors import PromotionError
from engine.ports.telemetry import NO_METRICS, SLACK_DELIVERIES, Metrics
from engine.runtime.background import enduring

_log = logging.getLogger(__name__)
# Somebody can put these right: an invitation, a scope, a token.
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
class Tempo:
    """Seconds; https://docs.slack.dev/apis/web-api/rate-limits."""

    post: float = 1.0  # between posts to one channel
    edit: float = 3.0  # between edits of one message that are not urgent
    look: float = 0.2
    first_retry: float = 1.0
    longest_retry: float = 60.0
    give_up: float = 24 * 3600
    give_up_answer: float = 1800


class Outbox:
    """
    The only writer of messages. What it has to do stands in the store, so that a restart goes on.

    `linked` is told the key of a message whose link has become known.
    """

    def __init__(
        self,
        sender: Sender,
        messages: Messages,
        answers: Answers,
        linked: Callable[[str], None],
        tempo: Tempo | None = None,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._sender = sender
        self._messages = messages
        self._answers = answers
        self._linked = linked
        self._tempo = tempo or Tempo()
        self._metrics = metrics
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        # From when on a channel, or all edits, may be used again.
        self._free: dict[str, float] = {}
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(6, thread_name_prefix="floe-slack-send")
        self._thread = threading.Thread(target=self._run, name="floe-slack-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def stop(self) -> None:
        """What is under way ends; the rest is for the next start."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._tempo.first_retry
            with enduring("nothing can be sent to Slack", self._stopping.wait, pause):
                self._dispatch(time.time())
            self._awake.wait(self._tempo.look)
            self._awake.clear()

    def _dispatch(self, now: float) -> None:
        # Before the store is read: what it says of a lane that is busy may be out of date.
        with self._lock:
            busy = set(self._busy)
        # Whatever holds up the first of a channel holds up the others: their order is kept.
        for message in self._messages.posts():
            if self._rested(now, message.channel, message.due, message.retry):
                self._submit(busy, message.channel, partial(self._post, message))
        # An edit that takes buttons away goes before those that count gates.
        if self._rested(now, _EDITS):
            for message in self._messages.edits(now, self._tempo.edit):
                self._submit(busy, message.key, partial(self._edit, message))
        for answer in self._answers.waiting(now):
            self._submit(busy, f"answer:{answer.asker.user}", partial(self._answer, answer))

    def _rested(self, now: float, lane: str, *others: float) -> bool:
        with self._lock:
            return now >= max(self._free.get(lane, 0.0), 0.0, *others)

    def _submit(self, busy: set[str], lane: str, work: Callable[[], None]) -> None:
        """One thing at a time in a lane."""
        if lane in busy:
            return
        busy.add(lane)
        with self._lock:
            self._busy.add(lane)
        self._pool.submit(self._work, lane, work).add_done_callback(report)

    def _work(self, lane: str, work: Callable[[], None]) -> None:
        try:
            work()
        except PromotionError as error:
            _log.warning("what was sent to Slack is not on record: %s", error)
        finally:
            with self._lock:
                self._busy.discard(lane)
            self._awake.set()

    def _post(self, message: Message) -> None:
        try:
            link = self._sender.post(message)
        except SlackTrouble as trouble:
            self._troubled(message, message.channel, trouble)
            return
        self._pause(message.channel, self._tempo.post)
        self._count("delivered")
        if link:
            self._linked(message.key)

    def _edit(self, message: Message) -> None:
        try:
            self._sender.edit(message)
        except SlackTrouble as trouble:
            self._troubled(message, _EDITS, trouble)
        else:
            self._count("delivered")

    def _answer(self, answer: Answer) -> None:
        try:
            self._sender.answer(answer)
        except SlackTrouble as trouble:
            pause = trouble.retry_after or self._backoff(answer.tries)
            if not trouble.passing or time.time() - answer.at > self._tempo.give_up_answer:
                _log.warning("an answer to %s is given up: %s", answer.asker.user, trouble)
            else:
                self._answers.later(answer, time.time() + pause)
                return
        self._answers.given(answer)

    def _troubled(self, message: Message, lane: str, trouble: SlackTrouble) -> None:
        passing = trouble.passing or trouble.code in _FIXABLE
        if not passing or time.time() - message.at > self._tempo.give_up:
            _log.warning("%s in %s is given up: %s", message.key, message.channel, trouble)
            self._messages.failed(message, trouble.code)
            self._count("failed")
            return
        pause = trouble.retry_after or self._backoff(message.tries)
        _log.info("%s in %s waits %.1f s: %s", message.key, message.channel, pause, trouble)
        if trouble.retry_after:
            self._pause(lane, pause)
        self._messages.later(message, time.time() + pause, unknown=trouble.unknown)
        self._count("retried")

    def _count(self, outcome: str) -> None:
        self._metrics.count(SLACK_DELIVERIES, outcome=outcome)

    def _backoff(self, tries: int) -> float:
        return min(self._tempo.first_retry * 2.0 ** min(tries, 20), self._tempo.longest_retry)

    def _pause(self, lane: str, seconds: float) -> None:
        with self._lock:
            self._free[lane] = time.time() + seconds
