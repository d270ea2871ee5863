"""Deliver webhooks: stored in the outbox first, sent side by side, retried."""

import logging
import math
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from engine.adapters.webhooks.attempt import Ending, Outcome, attempt, quiet
from engine.adapters.webhooks.cdevents import body_of_cdevent, cdevent_type
from engine.adapters.webhooks.hook import Hook
from engine.adapters.webhooks.payload import body_of, event_of
from engine.adapters.webhooks.underway import UnderWay
from engine.domain.delivery import Delivery, Undelivered
from engine.domain.errors import StoreUnavailableError
from engine.domain.product import UNNAMED, qualified
from engine.domain.record import AnyRecord
from engine.ports import Clock
from engine.ports.telemetry import NO_METRICS, WEBHOOK_DELIVERIES, Metrics
from engine.ports.webhooks import Outbox
from engine.runtime.wakeups import NO_WAKEUPS, Wakeups

if TYPE_CHECKING:  # few installations have plug-ins
    from engine.adapters.webhooks.notifier import Notifier

_log = logging.getLogger(__name__)
_COMMAND_SECONDS = 5.0
# The number of simultaneous attempts; further ones wait.
AT_ONCE = 20
# A taken delivery is exclusive for the longest attempt plus this margin.
_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True)
class Webhooks:
    """
    Implements `engine.ports.webhooks.WebhookSender`. No method raises for a webhook or an outbox
    that fails: each such failure is a logged warning (FR-043).

    `pause_seconds` is the pause before the second attempt; each later one is twice as long.
    """

    hooks: Sequence["Hook | Notifier"]
    outbox: Outbox
    clock: Clock
    metrics: Metrics = NO_METRICS
    pause_seconds: float = 1.0
    wakeups: Wakeups = NO_WAKEUPS
    product: str = UNNAMED

    def enqueue(self, record: AnyRecord, anchor: str | None = None) -> None:
        """Store the deliveries of `record`, once also if it is called again after a restart."""
        event = event_of(record)
        if event is None:
            return
        now, bodies = self.clock.now(), self._bodies(record, event, anchor)
        deliveries = [
            Delivery(
                _id(qualified(self.product, record.id), index),
                index,
                hook.address,
                *bodies[hook.format],
                now,
                product=self.product,
            )
            for index, hook in enumerate(self.hooks)
            if event in hook.events and hook.format in bodies
        ]
        try:
            self.outbox.add(deliveries)
        except StoreUnavailableError as error:
            _log.warning("webhook deliveries of %s %s are lost: %s", record.kind, record.id, error)

    def _bodies(
        self, record: AnyRecord, event: str, anchor: str | None
    ) -> dict[str, tuple[str, str, bytes]]:
        """Build the event, the ID and the body of `record` in each format that has it."""
        bodies = {"floe": (event, record.id, body_of(record, anchor, self.product))}
        if kind := cdevent_type(record):
            body = body_of_cdevent(record, anchor, self.product)
            bodies["cdevents"] = (kind, record.id, body)
        return bodies

    def deliver_due(self, seconds: float = _COMMAND_SECONDS) -> None:
        """
        Send due deliveries, and those that become due, for at most `seconds`.

        Attempts that are still running then count as unanswered; the rest waits for the next call.
        """
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                if not self._round(left) and not self._wait(left):
                    return
        except StoreUnavailableError as error:
            _log.warning("webhook delivery is delayed: %s", error)

    def undelivered(self, limit: int = 100) -> tuple[Undelivered, ...]:
        failed = self.outbox.failures(limit)
        hooks = [self._hook(delivery) for delivery in failed]
        return tuple(
            Undelivered(delivery, hook.name if hook else None)
            for delivery, hook in zip(failed, hooks, strict=True)
        )

    def waiting(self) -> int:
        return self.outbox.waiting()

    def backlog(self) -> tuple[int, datetime | None]:
        return self.outbox.backlog()

    def redeliver(self, delivery_id: str) -> bool:
        return self.outbox.redeliver(delivery_id, self.clock.now())

    def _wait(self, left: float) -> bool:
        """Sleep until a delivery is due; False if none will be within `left` seconds."""
        due = self.outbox.due_times().get(self.product)
        wait = (due - self.clock.now()).total_seconds() if due else left
        if wait >= left:
            return False
        time.sleep(max(wait, 0.01))
        return True

    def _round(self, left: float) -> bool:
        """Attempt due deliveries side by side for at most `left` seconds; False without any."""
        under_way = UnderWay(self.settle)
        begun = self.begin_due(under_way, AT_ONCE, left)
        while under_way:
            under_way.await_next()
        return begun

    def begin_due(self, under_way: UnderWay, limit: int, left: float = math.inf) -> bool:
        """Begin to send at most `limit` due deliveries, each for at most `left` seconds."""
        longest = max((hook.timeout_seconds for hook in self.hooks), default=0)
        lasting = timedelta(seconds=longest) + _MARGIN
        batch = self.outbox.take(self.clock.now(), lasting, limit)
        for delivery in batch:
            hook = self._hook(delivery)
            if hook is None:
                self.settle(delivery, Outcome(Ending.REFUSED, "is not configured any more"))
                continue
            seconds, now = min(hook.timeout_seconds, left), self.clock.now()
            if isinstance(hook, Hook):
                work = partial(attempt, hook, delivery, _tls(), seconds, now)
            else:
                work = partial(hook.attempt, delivery)
            under_way.begin(delivery, seconds, work)
        return bool(batch)

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Store how an attempt ended: done, to be repeated, or failed."""
        hook = self._hook(delivery)
        name = hook.name if hook else f"webhook {delivery.hook}"
        now, tried = self.clock.now(), delivery.attempts + 1
        if outcome.ending is Ending.DELIVERED:
            self.outbox.done(delivery, now)
            _log.info(
                "webhook delivery to %s succeeded: %s %s", name, delivery.event, delivery.record_id
            )
            self.metrics.count(WEBHOOK_DELIVERIES, outcome="delivered")
            return
        facts = (name, delivery.event, delivery.record_id, outcome.problem)
        if outcome.ending is Ending.AGAIN and hook and tried <= hook.retry_count:
            self.outbox.again(delivery, outcome.problem, now + self._pause(tried, outcome))
            _log.warning("webhook delivery to %s will be retried: %s %s: it %s", *facts)
            self.metrics.count(WEBHOOK_DELIVERIES, outcome="retried")
            return
        self.outbox.failed(delivery, outcome.problem, now)
        _log.warning("webhook delivery to %s failed: %s %s: it %s", *facts)
        self.metrics.count(WEBHOOK_DELIVERIES, outcome="failed")

    def _pause(self, tried: int, outcome: Outcome) -> timedelta:
        """Return the pause before the next attempt, with jitter, at least Retry-After."""
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        planned = self.pause_seconds * 2 ** (tried - 1) * jitter
        return timedelta(seconds=max(planned, outcome.retry_after))

    def _hook(self, delivery: Delivery) -> "Hook | Notifier | None":
        """Return the webhook of `delivery`, which manifest.yaml may list elsewhere now."""
        ordered = [*self.hooks[delivery.hook : delivery.hook + 1], *self.hooks]
        return next((hook for hook in ordered if hook.address == delivery.address), None)


@cache
def _tls() -> ssl.SSLContext:
    """The context of all webhooks, whose authorities take long to read and fill a megabyte."""
    quiet()
    return ssl.create_default_context()


def _id(record: str, index: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"floe:webhook:{record}:{index}"))
