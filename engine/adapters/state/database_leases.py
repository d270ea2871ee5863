"""Leases as rows of a database, which expire when their holder dies."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from engine.adapters.state.leases import lease_held
from engine.domain.errors import PromotionError
from engine.domain.product import UNNAMED, qualified
from engine.domain.text import printable
from engine.ports import Leases
from engine.runtime.database import Connection, Database
from engine.runtime.wakeups import Topic

_log = logging.getLogger(__name__)
# Another server takes over within 15 seconds.
_LASTING_SECONDS = 12.0
_POLL_SECONDS = 0.2
_MICROS = 1_000_000
MIGRATIONS = (
    """
CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
);
""",
)
# The clock of the database is the same one for all machines.
_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_TAKE = f"""
INSERT INTO leases (name, owner, holder, until) VALUES (?, ?, ?, {_NOW} + ?)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, holder = excluded.holder,
    until = excluded.until
WHERE leases.until <= {_NOW} OR leases.owner = excluded.owner
"""  # noqa: S608 - our own words
_RENEW = f"UPDATE leases SET until = {_NOW} + ? WHERE name = ? AND owner = ?"  # noqa: S608 - our own words
_HOLDER = f"SELECT holder, until - {_NOW} FROM leases WHERE name = ?"  # noqa: S608 - our own words
_RELEASE = "UPDATE leases SET until = 0 WHERE name = ? AND owner = ?"


@dataclass(frozen=True)
class DatabaseLeases:
    """
    The `Leases` of all machines that share `database`, a PostgreSQL database.

    `local` leases come first, so that the processes of a machine wait for each other without
    asking the database. A holder renews its lease; one that died or was stopped loses it after
    `lasting_seconds`. Products that share the database have leases of their own.
    """

    database: Database
    local: Leases
    wait_seconds: float = 60
    lasting_seconds: float = _LASTING_SECONDS
    product: str = UNNAMED

    @contextmanager
    def hold(self, environment: str) -> Iterator[None]:
        """
        ConflictError after `wait_seconds`, StoreUnavailableError if the database does not answer.
        """
        with self.local.hold(environment):
            name = qualified(self.product, environment)
            lease = Lease(self.database, name, self.lasting_seconds)
            self._wait_for(lease, environment)
            done = threading.Event()
            beat = partial(lease.keep, done)
            heart = threading.Thread(target=beat, name="floe-lease", daemon=True)
            heart.start()
            try:
                yield
            finally:
                done.set()
                heart.join()
                lease.release()

    def _wait_for(self, lease: "Lease", environment: str) -> None:
        deadline = time.monotonic() + self.wait_seconds
        while (other := lease.take()) is not None:
            if time.monotonic() >= deadline:
                raise lease_held(self.product, environment, other.name, self.wait_seconds)
            time.sleep(_POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Holder:
    """Another owner of a lease, which expires in `seconds` unless it is renewed."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Lease:
    """The lease called `name`; each value of this class is another owner."""

    database: Database
    name: str
    lasting_seconds: float = _LASTING_SECONDS
    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    def take(self) -> Holder | None:
        """Take or renew the lease; return the holder if it is another one."""
        host = f"process {os.getpid()} on {socket.gethostname()}"
        holder = f"{host} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.database.apply(_TAKE, [self.name, self.owner, holder, self._micros]) == 1:
            return None
        with self.database.read() as db:
            return _holder(db, self.name)

    def keep(self, done: threading.Event) -> None:
        """Renew the lease until `done`."""
        while not done.wait(self.lasting_seconds / 3):
            try:
                kept = self.database.apply(_RENEW, [self._micros, self.name, self.owner]) == 1
            except PromotionError as error:
                _log.warning("the lease of %s was not renewed: %s", self.name, error)
                continue
            if not kept:
                _log.warning("the lease of %s expired, and another process has it", self.name)
                return

    def release(self) -> None:
        """Free the lease. Without an answer it expires."""
        try:
            self.database.apply(_RELEASE, [self.name, self.owner], Topic.LEASES)
        except PromotionError as error:
            _log.warning("the lease of %s was not released, and expires: %s", self.name, error)

    @property
    def _micros(self) -> int:
        return int(self.lasting_seconds * _MICROS)


def _holder(db: Connection, name: str) -> Holder:
    row = db.execute(_HOLDER, [name]).fetchone()
    holder, micros = row or ("another process", 0)
    return Holder(printable(holder), max(0.0, micros / _MICROS))
