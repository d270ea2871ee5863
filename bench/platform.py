"""Registries, promotions and timers that the measurements share."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.ports import Registry
from tests.peers.docker_registry import docker_registry
from tests.scenarios.engines import engine_on, promote

REPOSITORY = "bench/platform"


@contextmanager
def registry_host() -> Iterator[tuple[str, Path]]:
    """Run a docker-registry; yield its host and a folder for other files."""
    folder = Path(tempfile.mkdtemp(prefix="floe-bench-"))
    try:
        with docker_registry(folder) as running:
            yield running.host, folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def opened(host: str, repository: str = REPOSITORY) -> Iterator[DistributionRegistry]:
    registry = open_registry(host, repository, credentials=anonymous, scheme="http")
    try:
        yield registry
    finally:
        registry.close()


def promoted(registry: Registry, folder: Path, version: str, target: str) -> None:
    """Promote once, without rules; fail if it does not succeed."""
    with engine_on(registry, folder) as engine:
        assert promote(engine, version, target).error is None


def seconds(work: Callable[[int], object], times: int) -> float:
    """Return the median time of `work(0)`, `work(1)`, …"""
    taken = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - started)
    return median(taken)


def medians(works: dict[str, Callable[[int], object]], times: int) -> dict[str, float]:
    """
    Return the median time of each. The works run in turns, so that other load slows all of them.
    The first round warms the caches and does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(times + 1):
        for name, work in works.items():
            taken[name].append(seconds(lambda _, run=work, n=number: run(n), 1))
    return {name: median(each[1:]) for name, each in taken.items()}
