"""Delivers the webhooks of all products of a server in one thread."""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from engine.adapters.webhooks.attempt import Outcome
from engine.adapters.webhooks.underway import UnderWay
from engine.domain.delivery import Delivery
from engine.domain.errors import StoreUnavailableError
from engine.ports import Clock
from engine.ports.webhooks import Outbox
from engine.runtime.background import keep_running
from engine.runtime.wakeups import Topic, Wakeups

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_END_SECONDS = 5.0
# The number of simultaneous attempts of a server, and of one of several products: a product whose
# receivers hang leaves room for the others.
_AT_ONCE, _AT_ONCE_OF_SEVERAL, _AT_ONCE_IN_ALL = 20, 5, 100


class Sender(Protocol):
    """Sends the deliveries of one product."""

    @property
    def outbox(self) -> Outbox: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def wakeups(self) -> Wakeups: ...

    def begin_due(self, under_way: UnderWay, limit: int) -> bool: ...
    def settle(self, delivery: Delivery, outcome: Outcome) -> None: ...


def keep_delivering(senders: Mapping[str, Sender], stop: threading.Event) -> None:
    """
    Send due deliveries until `stop` is set, each webhook with its own timeout.

    `senders` are those of the products, which may come and go. The deliveries of a product that
    is not among them wait.
    """
    _Deliverer(senders, stop).run()


class _Deliverer:
    def __init__(self, senders: Mapping[str, Sender], stop: threading.Event) -> None:
        self._senders = senders
        self._stop = stop
        self._awake = threading.Event()
        self._under_way = UnderWay(self._settle)
        self._subscribed = False

    def run(self) -> None:
        while not self._stop.is_set():
            with keep_running("webhook delivery is delayed", self._stop.wait, _POLL_SECONDS):
                self._round()
        self._finish()

    def _round(self) -> None:
        sender = next(iter(self._senders.values()), None)
        if sender is None:
            self._stop.wait(_POLL_SECONDS)
            return
        if not self._subscribed:
            sender.wakeups.subscribe(Topic.WEBHOOKS, self._awake.set)
            self._subscribed = True
        due = sender.outbox.due_times()
        self._begin(due, sender.clock.now())
        self._under_way.await_next(_POLL_SECONDS)
        if not self._under_way:
            self._rest(sender)

    def _begin(self, due: Mapping[str, datetime], now: datetime) -> None:
        """Begin the deliveries that are due; those that wait longest come first."""
        most = _AT_ONCE if len(self._senders) == 1 else _AT_ONCE_OF_SEVERAL
        for product, at in sorted(due.items(), key=lambda each: each[1]):
            sender = self._senders.get(product)
            room = _AT_ONCE_IN_ALL - len(self._under_way)
            limit = min(most - self._under_way.count(product), room)
            if at <= now and sender and limit > 0:
                sender.begin_due(self._under_way, limit)

    def _rest(self, sender: Sender) -> None:
        """Wait until a delivery may be due."""
        pause = sender.wakeups.pause(_POLL_SECONDS)
        if pause > _POLL_SECONDS:
            due = [at for name, at in sender.outbox.due_times().items() if name in self._senders]
            if due:
                seconds = (min(due) - sender.clock.now()).total_seconds()
                pause = min(pause, max(_POLL_SECONDS, seconds))
        end = time.monotonic() + pause
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._awake.wait(min(left, _POLL_SECONDS)):
                break
        self._awake.clear()

    def _finish(self) -> None:
        """Wait briefly for running attempts; the others become due again after their time."""
        end = time.monotonic() + _END_SECONDS
        try:
            while self._under_way and (left := end - time.monotonic()) > 0:
                self._under_way.await_next(left)
        except StoreUnavailableError as error:
            _log.warning("webhook delivery is delayed: %s", error)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        # An attempt of a product that is gone becomes due again once it is back.
        if sender := self._senders.get(delivery.product):
            sender.settle(delivery, outcome)
