"""Repeats the background work of many products in few threads."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from engine.runtime.background import keep_running

_JOIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Task:
    """
    Work that is repeated: `run` does it once, and returns the seconds until it does it again.

    0 means that there is more to do. After an exception, which is logged as `problem`, `run` is
    called again in `retry_seconds`. `requests` is the number of requests that `run` sends to the
    registry `host` if there is nothing to do.
    """

    run: Callable[[], float]
    problem: str
    retry_seconds: float
    host: str = ""
    requests: int = 0


@dataclass(eq=False)
class Scheduled:
    """A task of a schedule: when it is due, and whether its turn is urgent or a regular look."""

    task: Task
    due: float
    urgent: bool = True
    running: bool = False


class Schedule:
    """
    Runs tasks when they are due, those first that waited longest.

    At most `at_once` tasks of a registry host run at the same time, so one that does not answer
    delays no task of another host. Looks that are not urgent send `requests_per_second` in all:
    with many products, each looks less often. At most `threads` threads are started.
    """

    def __init__(
        self, at_once: int = 2, threads: int = 32, requests_per_second: float = math.inf
    ) -> None:
        self._at_once = at_once
        self._most = threads
        self._rate = requests_per_second
        self._changed = threading.Condition()
        self._tasks: list[Scheduled] = []
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._busy: Counter[str] = Counter()
        self._free_at = 0.0
        self._started = self._stopping = False

    def add(self, task: Task, after: float = 0.0) -> Scheduled:
        """Add a task that is due `after` seconds."""
        added = Scheduled(task, time.monotonic() + after)
        with self._changed:
            self._tasks.append(added)
            self._grow()
            self._changed.notify_all()
        return added

    def remove(self, scheduled: Scheduled) -> None:
        """Start a task no more. If it is running, it ends by itself."""
        with self._changed:
            self._tasks = [each for each in self._tasks if each is not scheduled]

    def wake(self, scheduled: Scheduled, after: float = 0.0) -> None:
        """Run a task `after` seconds, or again when its present run ends."""
        with self._changed:
            scheduled.due = min(scheduled.due, time.monotonic() + after)
            scheduled.urgent = True
            self._changed.notify_all()

    def start(self) -> None:
        with self._changed:
            self._started = True
            self._grow()

    def stop(self) -> None:
        """Start no more tasks, and wait a while for those that run."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        end = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _grow(self) -> None:
        """Start a thread unless one is idle, for the task that is due next."""
        most = min(self._most, len(self._tasks))
        if self._started and not self._stopping and not self._idle and len(self._threads) < most:
            name = f"floe-background-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            # Counted here: the thread may begin later than the next call of this.
            self._idle += 1
            thread.start()

    def _work(self) -> None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                ready, seconds = self._next(now)
                if ready is None:
                    self._changed.wait(None if math.isinf(seconds) else seconds)
                    continue
                self._idle -= 1
                self._begin(ready, now)
                self._grow()
                self._changed.release()
                try:
                    seconds = _run(ready.task)
                finally:
                    self._changed.acquire()
                    self._idle += 1
                    self._end(ready, seconds)

    def _next(self, now: float) -> tuple[Scheduled | None, float]:
        """The task to run now, or the seconds until one may be due."""
        free = [
            each
            for each in self._tasks
            if not each.running and self._busy[each.task.host] < self._at_once
        ]
        chosen = min(free, key=lambda each: (self._start_of(each), each.due), default=None)
        if chosen is None:
            return None, math.inf
        seconds = self._start_of(chosen) - now
        return (chosen, 0.0) if seconds <= 0 else (None, seconds)

    def _start_of(self, scheduled: Scheduled) -> float:
        if scheduled.urgent or not scheduled.task.requests:
            return scheduled.due
        return max(scheduled.due, self._free_at)

    def _begin(self, scheduled: Scheduled, now: float) -> None:
        if not scheduled.urgent:
            self._free_at = max(now, self._free_at) + scheduled.task.requests / self._rate
        scheduled.running, scheduled.urgent, scheduled.due = True, False, math.inf
        self._busy[scheduled.task.host] += 1

    def _end(self, scheduled: Scheduled, seconds: float) -> None:
        scheduled.running = False
        self._busy[scheduled.task.host] -= 1
        # It may have been woken while it ran.
        scheduled.due = min(scheduled.due, time.monotonic() + seconds)
        scheduled.urgent = scheduled.urgent or not seconds
        self._changed.notify_all()


def _run(task: Task) -> float:
    seconds: list[float] = []
    with keep_running(task.problem, seconds.append, task.retry_seconds):
        seconds.append(task.run())
    return seconds[-1]
