"""The background work of many products: few threads, no product waits for another's registry."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.domain.errors import RegistryUnavailableError
from engine.runtime.schedule import Schedule, Task
from tests.scenarios.changing import until


@contextmanager
def running(schedule: Schedule) -> Iterator[None]:
    schedule.start()
    try:
        yield
    finally:
        schedule.stop()


class Counted:
    """Counts how often each name ran; each run returns the next of `seconds`, then infinity."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def task(self, name: str, *seconds: float, host: str = "", requests: int = 0) -> Task:
        left = list(seconds)

        def run() -> float:
            with self._lock:
                self.runs[name] += 1
                self.threads.add(threading.current_thread().name)
            return left.pop(0) if left else math.inf

        return Task(run, "not done", 0.01, host, requests)


def hanging(free: threading.Event, host: str) -> tuple[Task, list[int]]:
    begun: list[int] = []

    def run() -> float:
        begun.append(1)
        free.wait(60)
        return math.inf

    return Task(run, "not done", 0.01, host), begun


def test_task_runs_again_when_it_says_so() -> None:
    counted, schedule = Counted(), Schedule()
    schedule.add(counted.task("often", 0.0, 0.01, 0.0))
    schedule.add(counted.task("once"))

    with running(schedule):
        assert until(lambda: counted.runs == {"often": 4, "once": 1})


def test_hundreds_of_tasks_share_few_threads() -> None:
    counted, schedule = Counted(), Schedule(threads=8)
    for number in range(400):
        schedule.add(counted.task(f"task {number}", 0.0, host=f"host {number % 20}"))

    with running(schedule):
        assert until(lambda: counted.runs.total() == 800)

    assert len(counted.threads) <= 8
    assert set(counted.runs.values()) == {2}


def test_one_task_needs_one_thread() -> None:
    counted, schedule = Counted(), Schedule()
    schedule.add(counted.task("alone", *[0.0] * 50))
    before = threading.active_count()

    with running(schedule):
        assert until(lambda: counted.runs["alone"] == 51)
        assert threading.active_count() == before + 1


def test_host_that_hangs_delays_only_its_own_tasks() -> None:
    free, counted, schedule = threading.Event(), Counted(), Schedule(at_once=2)
    dead = [hanging(free, "dead") for _ in range(50)]
    for task, _ in dead:
        schedule.add(task)
    schedule.add(counted.task("healthy", *[0.0] * 20, host="healthy"))

    with running(schedule):
        reached = until(lambda: counted.runs["healthy"] == 21)
        begun = sum(len(each) for _, each in dead)
        free.set()
        ended = until(lambda: sum(len(each) for _, each in dead) == 50)

    assert (reached, begun, ended) == (True, 2, True)


def test_woken_task_runs_at_once_and_again_if_it_was_running() -> None:
    free, schedule = threading.Event(), Schedule()
    task, begun = hanging(free, "")
    waiting = schedule.add(task, after=math.inf)

    with running(schedule):
        schedule.wake(waiting)
        assert until(lambda: len(begun) == 1)
        schedule.wake(waiting)
        free.set()
        assert until(lambda: len(begun) == 2)


@pytest.mark.parametrize("error", [RegistryUnavailableError("down"), ZeroDivisionError("defect")])
def test_failed_task_is_tried_again(error: Exception) -> None:
    begun: list[int] = []

    def run() -> float:
        begun.append(1)
        if len(begun) < 3:
            raise error
        return math.inf

    schedule = Schedule()
    schedule.add(Task(run, "not done", 0.01))

    with running(schedule):
        assert until(lambda: len(begun) == 3)


def test_removed_task_delays_nobody_and_runs_no_more() -> None:
    free, counted, schedule = threading.Event(), Counted(), Schedule()
    task, begun = hanging(free, "")
    removed = schedule.add(task)

    with running(schedule):
        assert until(lambda: len(begun) == 1)
        schedule.remove(removed)
        assert removed.running
        free.set()
        schedule.wake(removed)
        schedule.add(counted.task("other"))
        assert until(lambda: counted.runs["other"] == 1)

    assert len(begun) == 1


def test_looks_at_many_registries_take_turns() -> None:
    counted, schedule = Counted(), Schedule(requests_per_second=1000)
    for number in range(20):
        name = f"task {number}"
        schedule.add(counted.task(name, *[0.001] * 9999, host=name, requests=1))

    with running(schedule):
        assert until(lambda: counted.runs.total() >= 200)

    assert max(counted.runs.values()) - min(counted.runs.values()) <= 2


def test_limit_of_looks_does_not_hold_news_back() -> None:
    counted, schedule = Counted(), Schedule(requests_per_second=0.001)
    looking = schedule.add(counted.task("look", 0.0, 0.0, 0.001, 0.001, requests=1))

    with running(schedule):
        # Two urgent runs follow the first one, and one look uses up the limit.
        assert until(lambda: counted.runs["look"] == 4)
        schedule.add(counted.task("other", *[0.001] * 50))
        assert until(lambda: counted.runs["other"] == 51)
        assert counted.runs["look"] == 4
        schedule.wake(looking)
        assert until(lambda: counted.runs["look"] == 5)


def test_schedule_that_ends_starts_nothing_more() -> None:
    counted, schedule = Counted(), Schedule()

    with running(schedule):
        pass
    schedule.add(counted.task("late"))

    assert counted.runs == {}
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("floe-background")]
