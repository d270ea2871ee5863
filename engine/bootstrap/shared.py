"""The parts that the engines of one process share: connections, threads, and the state."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar

from engine.bootstrap.state import changes_database
from engine.config import Config
from engine.config.connection import RegistrySettings, RemoteRegistry
from engine.ports.telemetry import NO_METRICS, REGISTRY_REQUESTS, Metrics
from engine.runtime.database import Database

Part = TypeVar("Part")
# Parallel reads; status sends two requests for every environment.
_THREADS, _THREADS_OF_SEVERAL = 16, 32


@dataclass(frozen=True, slots=True)
class Threads:
    """
    The threads for one registry host, so that a host that does not answer delays no other.

    `reads` run requests. `work` runs functions that wait for requests: in the same pool, they could
    occupy every thread that would run these requests.
    """

    reads: ThreadPoolExecutor
    work: ThreadPoolExecutor


@dataclass
class Shared:
    """
    The parts that engines share until `stack` closes. An engine that closes leaves them open.

    The engine of a command has them alone, and `several` products of a server share them. `state`
    has the tables of changes, heads, and outcomes of secondaries.
    """

    state: Database
    several: bool
    stack: ExitStack
    metrics: Metrics = NO_METRICS
    _parts: dict[object, Any] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    @property
    def threads_of_host(self) -> int:
        return _THREADS_OF_SEVERAL if self.several else _THREADS

    def threads(self, registry: RegistrySettings) -> Threads:
        host = registry.host if isinstance(registry, RemoteRegistry) else None
        return self.once(("threads", host), self._start_threads)

    def transport(self, registry: RemoteRegistry) -> Any:
        """The connections to the host of `registry`; requests over them carry no credentials."""
        remote = import_module("engine.adapters.registry.remote.transport")
        facts = (registry.scheme, registry.host, registry.ca_file, registry.verify)

        def connect() -> Any:
            tls = remote.tls_context(registry.ca_file, registry.verify)

            def count(outcome: str) -> None:
                self.metrics.count(REGISTRY_REQUESTS, registry=registry.host, outcome=outcome)

            transport = remote.Transport(
                tls, connections=2 * self.threads_of_host, on_outcome=count
            )
            self.stack.callback(transport.close)
            return transport

        return self.once(facts, connect)

    def _start_threads(self) -> Threads:
        pools = [
            ThreadPoolExecutor(self.threads_of_host, thread_name_prefix=name)
            for name in ("floe", "floe-work")
        ]
        for pool in pools:
            # An answer does not wait for requests that are still running.
            self.stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        return Threads(*pools)

    def once(self, key: object, make: Callable[[], Part]) -> Part:
        """Return the part called `key`, which the first call makes."""
        with self._turn:
            if key not in self._parts:
                self._parts[key] = make()
            part: Part = self._parts[key]
            return part


@contextmanager
def open_shared(
    config: Config, *, several: bool = False, metrics: Metrics = NO_METRICS
) -> Iterator[Shared]:
    """Open the parts that one engine has alone, or those of `several` products of a server."""
    state = changes_database(config)
    with ExitStack() as stack:
        stack.callback(state.close)
        yield Shared(state, several, stack, metrics)
