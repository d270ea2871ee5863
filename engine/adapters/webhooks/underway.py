"""Attempts to deliver that are under way side by side: a slow webhook holds no other one up."""

import math
import queue
import threading
import time
from collections.abc import Callable
from itertools import count

from engine.adapters.webhooks.attempt import Outcome, late
from engine.domain.delivery import Delivery


class UnderWay:
    """Has each attempt settled by `settle` once it ends, or once its time is over: unanswered."""

    def __init__(self, settle: Callable[[Delivery, Outcome], None]) -> None:
        self._settle = settle
        # By number and not by delivery: an answer that comes too late is of no later attempt.
        self._numbers = count()
        self._answers: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._open: dict[int, tuple[Delivery, float, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def count(self, product: str) -> int:
        """Count the attempts for `product`."""
        return sum(delivery.product == product for delivery, _, _ in self._open.values())

    def begin(self, delivery: Delivery, seconds: float, work: Callable[[], Outcome]) -> None:
        """Have `work` attempt `delivery`, for at most `seconds`."""
        number = next(self._numbers)
        self._open[number] = (delivery, time.monotonic() + seconds, seconds)

        def run() -> None:
            self._answers.put((number, work()))

        # Not a pool: the interpreter waits for the threads of one, and a webhook may drip forever.
        threading.Thread(target=run, name="webhook", daemon=True).start()

    def await_next(self, seconds: float = math.inf) -> None:
        """Wait at most `seconds` for one to end, and have it settled."""
        if not self._open:
            return
        number, (_, until, allowed) = min(self._open.items(), key=lambda each: each[1][1])
        try:
            left = min(until - time.monotonic(), seconds)
            number, outcome = self._answers.get(timeout=max(left, 0))
        except queue.Empty:
            if time.monotonic() < until:
                return
            outcome = late(allowed)
        ended = self._open.pop(number, None)
        if ended:
            self._settle(ended[0], outcome)
