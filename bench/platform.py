"""What is measured: promotions on a real registry and on a layout, and a foreign client."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from engine.adapters.registry.credentials import anonymous
from engine.adapters.registry.distribution import DistributionRegistry
from engine.adapters.registry.remote import open_registry
from tests.peers.docker_registry import docker_registry

REPOSITORY = "bench/platform"


@contextmanager
def registry_host() -> Iterator[tuple[str, Path]]:
    """A docker-registry, and a folder for whatever else is needed."""
    folder = Path(tempfile.mkdtemp(prefix="floe-bench-"))
    try:
        with docker_registry(folder) as running:
            yield running.host, folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def opened(host: str) -> Iterator[DistributionRegistry]:
    registry = open_registry(host, REPOSITORY, credentials=anonymous, scheme="http")
    try:
        yield registry
    finally:
        registry.close()


def skopeo_copy(host: str, source: str, tag: str) -> None:
    """What a script would do instead of a promotion."""
    repository = f"docker://{host}/{REPOSITORY}"
    options = ["-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"]
    references = [f"{repository}:{source}", f"{repository}:{tag}"]
    command = ["skopeo", "--insecure-policy", "copy", *options, *references]
    subprocess.run(command, check=True, timeout=60)


def seconds(work: Callable[[int], object], times: int) -> float:
    """The median time of `work(0)`, `work(1)`, …"""
    taken = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - started)
    return median(taken)
