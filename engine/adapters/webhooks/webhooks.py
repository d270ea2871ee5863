"""Tells webhooks what happened: kept in the outbox first, delivered side by side, tried again."""

import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5

from engine.adapters.webhooks.attempt import Ending, Outcome, attempt, late, quiet
from engine.adapters.webhooks.hook import Hook
from engine.adapters.webhooks.payload import body_of, event_of
from engine.domain.delivery import Delivery, Undelivered
from engine.domain.errors import StoreUnavailableError
from engine.domain.record import AnyRecord
from engine.outbox import Outbox
from engine.ports import Clock
from engine.telemetry import NO_METRICS, QUEUE_DEPTH, WEBHOOK_DELIVERIES, Metrics

_log = logging.getLogger(__name__)
_COMMAND_SECONDS = 5.0
_POLL_SECONDS = 1.0
# Beyond the longest attempt: until then whoever took a delivery has it alone.
_MARGIN = timedelta(seconds=30)

Sent = tuple[Delivery, Outcome]


@dataclass(frozen=True)
class Webhooks:
    """
    Implements `engine.outbox.Announcer`, and delivers. No method raises for a webhook or an
    outbox that fails: each such failure is a logged warning (FR-043).

    `pause_seconds` is the pause before the second attempt; each later one is twice as long.
    """

    hooks: Sequence[Hook]
    outbox: Outbox
    clock: Clock
    metrics: Metrics = NO_METRICS
    pause_seconds: float = 1.0

    def announce(self, record: AnyRecord) -> None:
        """Announcing a record again, after a restart, tells nobody twice."""
        event = event_of(record)
        if event is None:
            return
        now, body = self.clock.now(), body_of(record)
        deliveries = [
            Delivery(_id(record, index), index, hook.address, event, record.id, body, now)
            for index, hook in enumerate(self.hooks)
            if event in hook.events
        ]
        try:
            self.outbox.add(deliveries)
        except StoreUnavailableError as error:
            _log.warning("webhooks are not told of %s %s: %s", record.kind, record.id, error)

    def deliver_due(self, seconds: float = _COMMAND_SECONDS) -> None:
        """
        Deliver what is due, and what becomes due meanwhile, for at most `seconds`: then attempts
        under way count as unanswered, and what is left waits for the next call.
        """
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                if not self._round(left) and not self._wait(left):
                    return
        except StoreUnavailableError as error:
            _log.warning("webhooks are told later: %s", error)

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:
        failed = self.outbox.failures(limit)
        hooks = [self._hook(delivery) for delivery in failed]
        return tuple(
            Undelivered(delivery, hook.name if hook else None)
            for delivery, hook in zip(failed, hooks, strict=True)
        )

    def waiting(self) -> int:
        return self.outbox.waiting()

    def redeliver(self, delivery_id: str) -> bool:
        return self.outbox.redeliver(delivery_id, self.clock.now())

    def keep_delivering(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set: the loop of a server, in a thread of its own."""
        while not stop.is_set():
            busy = False
            try:
                busy = self._round(float("inf"))
            except StoreUnavailableError as error:
                _log.warning("webhooks are told later: %s", error)
            if not busy:
                stop.wait(_POLL_SECONDS)

    def _wait(self, left: float) -> bool:
        """Sleep until something is due; False when nothing will be in `left` seconds."""
        due = self.outbox.next_due()
        wait = (due - self.clock.now()).total_seconds() if due else left
        if wait >= left:
            return False
        time.sleep(max(wait, 0.01))
        return True

    def _round(self, left: float) -> bool:
        """Attempt what is due, side by side, for at most `left` seconds; False for nothing."""
        longest = max((hook.timeout_seconds for hook in self.hooks), default=0)
        batch = self.outbox.take(self.clock.now(), timedelta(seconds=longest) + _MARGIN)
        if batch:
            self._attempt_all(batch, left)
            self.metrics.level(QUEUE_DEPTH, self.outbox.waiting(), queue="webhooks")
        return bool(batch)

    def _attempt_all(self, batch: Sequence[Delivery], left: float) -> None:
        """Each is settled as soon as it ends: a slow webhook holds no other one up."""
        answers: queue.SimpleQueue[Sent] = queue.SimpleQueue()
        open_until: dict[str, tuple[Delivery, float, float]] = {}
        for delivery in batch:
            hook = self._hook(delivery)
            if hook is None:
                gone = "is not configured any more"
                self._settle(delivery, Outcome(Ending.REFUSED, gone))
                continue
            seconds = min(hook.timeout_seconds, left)
            open_until[delivery.id] = (delivery, time.monotonic() + seconds, seconds)
            self._start(hook, delivery, seconds, answers)
        while open_until:
            nearest = min(until for _, until, _ in open_until.values())
            try:
                delivery, outcome = answers.get(timeout=max(nearest - time.monotonic(), 0))
            except queue.Empty:
                delivery, _, seconds = min(open_until.values(), key=lambda each: each[1])
                outcome = late(seconds)
            if open_until.pop(delivery.id, None):
                self._settle(delivery, outcome)

    def _start(
        self, hook: Hook, delivery: Delivery, seconds: float, answers: "queue.SimpleQueue[Sent]"
    ) -> None:
        now, tls = self.clock.now(), self._tls

        def run() -> None:
            answers.put((delivery, attempt(hook, delivery, tls, seconds, now)))

        # Not a pool: the interpreter waits for the threads of one, and a webhook may drip forever.
        threading.Thread(target=run, name="webhook", daemon=True).start()

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        hook = self._hook(delivery)
        name = hook.name if hook else f"webhook {delivery.hook}"
        now, tried = self.clock.now(), delivery.attempts + 1
        if outcome.ending is Ending.DELIVERED:
            self.outbox.done(delivery, now)
            _log.info("%s was told of %s %s", name, delivery.event, delivery.record_id)
            self.metrics.count(WEBHOOK_DELIVERIES, outcome="delivered")
            return
        told = (name, delivery.event, delivery.record_id, outcome.problem)
        if outcome.ending is Ending.AGAIN and hook and tried <= hook.retry_count:
            self.outbox.again(delivery, outcome.problem, now + self._pause(tried, outcome))
            _log.warning("%s is told of %s %s later: it %s", *told)
            self.metrics.count(WEBHOOK_DELIVERIES, outcome="retried")
            return
        self.outbox.failed(delivery, outcome.problem, now)
        _log.warning("%s was not told of %s %s: it %s", *told)
        self.metrics.count(WEBHOOK_DELIVERIES, outcome="failed")

    def _pause(self, tried: int, outcome: Outcome) -> timedelta:
        """Jitter keeps many from coming back at once; a receiver's own wish is kept to."""
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        planned = self.pause_seconds * 2 ** (tried - 1) * jitter
        return timedelta(seconds=max(planned, outcome.retry_after))

    def _hook(self, delivery: Delivery) -> Hook | None:
        """Its webhook, also when manifest.yaml lists it at another place by now."""
        ordered = [*self.hooks[delivery.hook : delivery.hook + 1], *self.hooks]
        return next((hook for hook in ordered if hook.address == delivery.address), None)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        quiet()
        return ssl.create_default_context()


def _id(record: AnyRecord, index: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"floe:webhook:{record.id}:{index}"))
