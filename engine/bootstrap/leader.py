"""The server that sends to Slack, where several servers share the state."""

import threading
import time
from importlib import import_module
from typing import Any

from engine.bootstrap.state import shared_tables, wakeups_of
from engine.config import ServerConfig
from engine.runtime.background import keep_running
from engine.runtime.wakeups import NO_WAKEUPS, Topic, Wakeups

_LASTING_SECONDS = 10.0
_RENEW_SECONDS = 3.0
# The clocks here and in the database may run at different speeds.
_MARGIN_SECONDS = 1.0
# Longer than the others need to take over.
_ASIDE_SECONDS = 15.0


class Leader:
    """
    Holds the lease `name` while this server has it; another one takes over when it dies.

    Without a lease, which means that no other server shares the state, this one always leads.
    """

    def __init__(self, lease: Any | None, wakeups: Wakeups = NO_WAKEUPS) -> None:
        self._lease = lease
        self.wakeups = wakeups
        self._until = 0.0
        self._aside = 0.0
        self._pause = 0.0
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="floe-leader", daemon=True)

    @property
    def shared(self) -> bool:
        """Whether other servers share the state."""
        return self._lease is not None

    def leads(self) -> bool:
        """Whether this server leads now; one that was suspended for too long does not."""
        return self._lease is None or self._aside <= time.monotonic() < self._until

    def step_aside(self) -> None:
        """Let another server lead for some seconds, because this one cannot do the work."""
        self._aside = time.monotonic() + _ASIDE_SECONDS
        self._awake.set()

    def start(self) -> None:
        if self._lease is not None:
            self.wakeups.subscribe(Topic.LEASES, self._awake.set)
            self._renew()
            self._thread.start()

    def stop(self) -> None:
        """Let another server lead."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.wait(self._pause)
            self._awake.clear()
            if not self._stopping.is_set():
                self._renew()

    def _release(self) -> None:
        if self._lease is not None and time.monotonic() < self._until:
            self._until = 0.0
            self._lease.release()

    def _renew(self) -> None:
        self._pause = _RENEW_SECONDS
        if time.monotonic() < self._aside:
            self._release()
            return
        with keep_running("the Slack lease was not renewed", lambda _: None, 0):
            before = time.monotonic()
            other = self._lease and self._lease.take()
            if other is None:
                self._until = before + _LASTING_SECONDS - _MARGIN_SECONDS
            else:
                # The death of a leader is not announced.
                self._pause = min(self.wakeups.pause(_RENEW_SECONDS), other.seconds + 0.1)


def leader_of(config: ServerConfig, name: str) -> Leader:
    """Return the election of the server that holds the lease `name`."""
    leases = import_module("engine.adapters.state.database_leases")
    tables = shared_tables(config, "leases", leases.MIGRATIONS)
    lease = leases.Lease(tables, name, _LASTING_SECONDS) if tables else None
    return Leader(lease, wakeups_of(config))
