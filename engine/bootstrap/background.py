"""The work on the ledgers of all products in the background of a server."""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from engine.audit.record_cache import Records
from engine.bootstrap.server import checkpoint_maker
from engine.bootstrap.statements import statement_renewer
from engine.execution.entry_reconciler import EntryReconciler
from engine.platform import Platform
from engine.runtime.schedule import Schedule, Scheduled, Task

# The requests of a server with several products that look for changes by others.
_REQUESTS_PER_SECOND = 2.0
_RECONCILE_SECONDS = 5.0
# At most this many tasks run at the same time for one registry host.
_AT_ONCE = 4
# Between two reads of a product because of events of its registry.
_EVENT_SECONDS = 2.0


class Background:
    """
    Copies records, signs ledgers, renews statements, and completes claimed entries.

    Products share the threads. A product may be added and removed at any time.
    """

    def __init__(self, *, several: bool = False) -> None:
        rate = _REQUESTS_PER_SECOND if several else math.inf
        self._schedule = Schedule(_AT_ONCE, requests_per_second=rate)
        self._tasks: dict[str, list[Scheduled]] = {}
        self._reconcilers: dict[str, tuple[EntryReconciler, Scheduled]] = {}
        self._watch: Scheduled | None = None
        self._noticed: dict[str, float] = {}
        self._records: dict[str, Records] = {}

    def start(self) -> None:
        self._schedule.start()

    def stop(self) -> None:
        self._schedule.stop()

    def add(
        self,
        platform: Platform,
        records: Records,
        reconciler: EntryReconciler | None = None,
        look: Callable[[], float] | None = None,
        notice: Callable[[], object] | None = None,
    ) -> None:
        """
        Begin the work for a product. `records.wake` then refreshes its records soon.

        `look` reads the status too, and decides when the records are refreshed. `notice` is called
        for events of the registry only.
        """
        tasks = [_reading(platform, records, look), *_tasks(platform)]
        copying, *others = [self._schedule.add(task) for task in tasks]
        records.refresh_soon = partial(self._schedule.wake, copying)
        self._records[platform.product] = records
        if notice is not None:
            task = _once(notice, platform, "an event of the registry had no effect")
            others.append(self._schedule.add(task, after=math.inf))
        self._tasks[platform.product] = [copying, *others]
        if reconciler is not None:
            self._reconcile(platform, reconciler)

    def notice(self, product: str) -> None:
        """Do all work for a product now, because of an event of its registry; not too often."""
        now, last = time.monotonic(), self._noticed.get(product, -math.inf)
        begin = last if last > now else max(now, last + _EVENT_SECONDS)
        self._noticed[product] = begin
        if product in self._records:
            self._records[product].note()
        for each in self._tasks.get(product, ()):
            self._schedule.wake(each, begin - now)

    def remove(self, product: str) -> None:
        """End the work for a product. Its running tasks end by themselves."""
        self._reconcilers.pop(product, None)
        self._records.pop(product, None)
        for each in self._tasks.pop(product, ()):
            self._schedule.remove(each)

    def _reconcile(self, platform: Platform, reconciler: EntryReconciler) -> None:
        """Complete the claimed entries of a product when `_look` finds some."""

        task = _once(reconciler.reconcile, platform, "no claimed entries completed")
        # Until `_look` finds claims, there is nothing to do.
        waiting = self._schedule.add(task, after=math.inf)
        self._reconcilers[platform.product] = reconciler, waiting
        self._tasks[platform.product].append(waiting)
        if self._watch is None:
            task = Task(self._look, "claimed entries not found", 60)
            self._watch = self._schedule.add(task, after=_RECONCILE_SECONDS)

    def _look(self) -> float:
        """Ask once for the claims of all products."""
        reconcilers = tuple(self._reconcilers.values())
        if reconcilers:
            neglected = reconcilers[0][0].runner.claims.neglected_repositories()
            for reconciler, waiting in reconcilers:
                if reconciler.runner.claims.repository in neglected:
                    self._schedule.wake(waiting)
        return _RECONCILE_SECONDS


def _reading(platform: Platform, records: Records, look: Callable[[], float] | None) -> Task:
    # The head of each ledger; a look at the status reads the latest tags, too.
    requests = len(platform.engine.path.names) * (2 if look else 1)
    run = look or records.run
    return Task(run, "records not read", records.idle_seconds, _host(platform), requests)


def _once(work: Callable[[], object], platform: Platform, problem: str) -> Task:
    """A task that runs only when it is woken."""

    def run() -> float:
        work()
        return math.inf

    return Task(run, problem, math.inf, _host(platform))


def _tasks(platform: Platform) -> Iterator[Task]:
    host, requests = _host(platform), len(platform.engine.path.names)
    if maker := checkpoint_maker(platform):
        problem = "checkpoints are incomplete"
        yield Task(maker.run, problem, maker.retry_seconds, host, requests)
    if renewer := statement_renewer(platform.engine):
        problem = "no statements issued"
        yield Task(renewer.run, problem, renewer.pause_seconds, host, requests)


def _host(platform: Platform) -> str:
    """The host of the registry; empty, or the same, for all registries on this machine."""
    return platform.engine.reference.partition("/")[0]
