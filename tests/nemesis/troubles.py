"""Kills, pauses, cuts and restarts of replicas while people work."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.nemesis.replicas import Replica
from tests.peers.postgres import PostgresProcess

_TAKEOVER_SECONDS = 60.0
# A worker that is killed after the end of its change leaves a claim that is not needed.
_CLAIMED = """
SELECT change_id, worker, until FROM {0}.claims JOIN {0}.changes ON id = change_id AND open = 1
"""
# The worker of each change, and the end of its claim.
_Claims = dict[object, tuple[object, object]]


@dataclass
class Nemesis:
    """
    Hurts one replica after the other, at most two at a time, until the block ends; all of them
    run again at the end. `seed` chooses the troubles, `most` of them in each of two threads, which
    last up to `longest` seconds.
    """

    replicas: list[Replica]
    server: PostgresProcess
    schema: str
    seed: int
    longest: float
    most: int
    happened: Counter[str] = field(default_factory=Counter)
    takeovers: list[float] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        # Each thread has replicas of its own; one replica is never hurt by both.
        lanes = [self.replicas[:1], self.replicas[1:]]
        threads = [
            threading.Thread(target=self._hurt, args=(lane, number))
            for number, lane in enumerate(lanes)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()
            if self.problems:
                raise self.problems[0]

    def _hurt(self, victims: list[Replica], number: int) -> None:
        choices = random.Random(self.seed * 100 + number)
        troubles: list[Callable[[Replica, float], None]] = [
            self._kill,
            self._kill,
            self._suspend,
            self._suspend,
            self._cut("database"),
            self._cut("registry"),
            self._cut("slack"),
        ]
        if number == 0:
            troubles.append(self._restart_database)
        try:
            for _ in range(self.most):
                if self._done.wait(choices.uniform(0.5, 3)):
                    return
                trouble, victim = choices.choice(troubles), choices.choice(victims)
                trouble(victim, choices.uniform(1, self.longest))
        except BaseException as problem:  # noqa: BLE001 - raised by the thread that waits
            self.problems.append(problem)

    def _kill(self, victim: Replica, seconds: float) -> None:
        self.happened["killed"] += 1
        victim.kill()
        self._time_takeover(self._claims())
        self._done.wait(min(seconds, 3))
        victim.start()

    def _suspend(self, victim: Replica, seconds: float) -> None:
        self.happened["suspended"] += 1
        victim.send(signal.SIGSTOP)
        self._done.wait(seconds)
        victim.send(signal.SIGCONT)

    def _cut(self, name: str) -> Callable[[Replica, float], None]:
        def trouble(victim: Replica, seconds: float) -> None:
            self.happened[f"cut from {name}"] += 1
            victim.cut(name)
            self._done.wait(seconds)
            victim.mend(name)

        return trouble

    def _restart_database(self, _victim: Replica, _seconds: float) -> None:
        self.happened["database restarted"] += 1
        self.server.stop(signal.SIGINT)
        self._done.wait(1)
        self.server.start()

    def _claims(self) -> _Claims | None:
        """The claims of all replicas; None while the database is being restarted."""
        try:
            rows = self.server.execute(_CLAIMED.format(self.schema))
        except psycopg.OperationalError:
            return None
        return {change: (worker, until) for change, worker, until in rows}

    def _time_takeover(self, before: _Claims | None) -> None:
        """
        Measure, in the background, when other workers take the changes of a killed replica.

        A claim that its worker renews or gives back is one of another replica.
        """
        began = time.monotonic()

        def watch(left: _Claims) -> None:
            while left and (seconds := time.monotonic() - began) < _TAKEOVER_SECONDS:
                time.sleep(0.2)
                if (now := self._claims()) is None:
                    continue
                for change in [each for each in left if now.get(each) != left[each]]:
                    worker, _ = left.pop(change)
                    if change in now and now[change][0] != worker:
                        self.takeovers.append(seconds)
            self.takeovers += [_TAKEOVER_SECONDS] * len(left)

        if before:
            threading.Thread(target=watch, args=(before,), daemon=True).start()
