"""Leases as OS file locks, which the kernel releases when the holder dies."""

import errno
import fcntl
import hashlib
import io
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.adapters.state.lock_files import (
    SETTING,
    LockDirectory,
    is_current,
    is_writable,
    open_lock_file,
)
from engine.domain.errors import ConfigError, ConflictError, StoreUnavailableError
from engine.domain.product import UNNAMED, qualified
from engine.domain.text import printable
from engine.runtime.disk_errors import disk_fix

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_POLL_SECONDS = 0.02
_NOTE_BYTES = 100
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class MachineLocks:
    """The locks of one registry, shared by all checkouts on a machine. `key` names the registry."""

    directory: LockDirectory
    key: str

    def file(self, environment: str) -> Path | None:
        if self.directory.path is None:
            return None
        digest = hashlib.sha256(self.key.encode()).hexdigest()[:16]
        return self.directory.path / f"floe-{digest}-{environment}.lock"


class FileLeases:
    """
    The `Leases` of one machine: a file per environment in `directory`, on a local file system,
    and one in `machine` if other directories reach the same registry.

    Only its user can read `directory` and its parent, so no other user can hold a lease there,
    unless the directory is `shared` by all writers of the layout that contains it. One that is
    not shared has files of its own for each `product`.

    Every hold opens its files again, so threads exclude each other as processes do. Child
    processes do not inherit a lease. The text in the file is for people; only the lock counts.
    """

    def __init__(
        self,
        directory: Path,
        wait_seconds: float = 60,
        *,
        shared: bool = False,
        machine: MachineLocks | None = None,
        product: str = UNNAMED,
    ) -> None:
        self._product = product
        self._directory = directory
        self._wait_seconds = wait_seconds
        self._shared = shared
        self._machine = machine
        self._warning = machine.directory.warning if machine else None

    @contextmanager
    def hold(self, environment: str) -> Iterator[None]:
        """
        ConflictError after `wait_seconds`; ConfigError when there can be no such file, and
        StoreUnavailableError when there is no room for it.
        """
        if not _NAME.fullmatch(environment):
            raise ConfigError(f"'{printable(environment)}' is no name of an environment")
        if self._warning:
            _log.warning("%s", self._warning)
            self._warning = None
        deadline = time.monotonic() + self._wait_seconds
        note = f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        with ExitStack() as held:
            for path, everybody in self._files(environment):
                file = held.enter_context(self._locked(path, everybody, environment, deadline))
                _note(file, note)
                # Emptied while it is still ours: a later holder's note must not be wiped.
                held.callback(_note, file, "")
            yield

    def _files(self, environment: str) -> Iterator[tuple[Path, bool]]:
        """The files to lock, always in this order, and whether every user may lock each."""
        own = self._product and not self._shared
        name = f"{self._product}+{environment}" if own else environment
        yield self._directory / f"{name}.lease", self._shared
        shared = self._machine.file(environment) if self._machine else None
        if shared is not None:
            yield shared, True

    @contextmanager
    def _locked(
        self, path: Path, everybody: bool, environment: str, deadline: float
    ) -> Iterator[io.FileIO]:
        while True:
            with self._opened(path, everybody) as file:
                if _taken(file, path):
                    try:
                        yield file
                    finally:
                        # Unlocked before closing: a forked process shares the open file.
                        fcntl.flock(file, fcntl.LOCK_UN)
                    return
                holder = _read_note(file)
            if time.monotonic() >= deadline:
                raise lease_held(self._product, environment, holder, self._wait_seconds)
            # Polling, since a thread that blocks in flock could not be interrupted.
            time.sleep(_POLL_SECONDS)

    def _opened(self, path: Path, everybody: bool) -> io.FileIO:
        own = path.parent == self._directory
        try:
            if own:
                mode = 0o777 if self._shared else 0o700
                path.parent.parent.mkdir(mode, parents=True, exist_ok=True)
                path.parent.mkdir(mode, exist_ok=True)
            return open_lock_file(path, everybody=everybody)
        except OSError as error:
            other = f"remove the file, or set {SETTING} to another directory"
            out = disk_fix(error) if own else disk_fix(error, other)
            kind = StoreUnavailableError if error.errno in _NO_ROOM else ConfigError
            raise kind(f"the lease {path} cannot be made: {error.strerror}; {out}") from error


def lease_held(product: str, environment: str, holder: str, seconds: float) -> ConflictError:
    """The error that `holder` kept a lease for longer than `seconds`."""
    details = {"environment": environment, "holder": holder}
    return ConflictError(
        f"{qualified(product, environment)} is being changed by {holder}, and was not free within "
        f"{seconds:g} seconds: try again when that has ended",
        details | ({"product": product} if product else {}),
    )


def _taken(file: io.FileIO, path: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigError(
            f"the lease {path} cannot be locked: {error.strerror}; "
            f"point state.dir, or {SETTING}, at a local file system"
        ) from error
    # A lock on a file that was removed excludes no other process.
    return is_current(file, path)


def _note(file: io.FileIO, text: str) -> None:
    if not is_writable(file):
        return
    try:
        file.seek(0)
        file.truncate()
        file.write(text.encode())
    except OSError as error:
        # A full disk: the lock holds without a note, and the writes to come will say it better.
        if error.errno not in _NO_ROOM:
            raise


def _read_note(file: io.FileIO) -> str:
    file.seek(0)
    return printable(file.read(_NOTE_BYTES).decode(errors="replace")) or "another process"
