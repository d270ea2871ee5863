"""The right to write an environment, as an OS file lock: freed when its holder dies."""

import errno
import fcntl
import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from engine.adapters.disks import way_out
from engine.domain.errors import ConfigError, ConflictError, StoreUnavailableError
from engine.domain.text import printable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_POLL_SECONDS = 0.02
_NOTE_BYTES = 100
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class FileLeases:
    """
    The `Leases` of one machine: a file per environment in `directory`, on a local file system.

    Only its user may look into `directory` and the one above, lest others hold what they cannot
    use, unless it is `shared` by those who share what is written.

    Every hold opens the file anew, so threads exclude each other as processes do. Child processes
    do not inherit a lease. What stands in the file is for people; only the lock counts.
    """

    def __init__(self, directory: Path, wait_seconds: float = 60, *, shared: bool = False) -> None:
        self._directory = directory
        self._wait_seconds = wait_seconds
        self._mode = 0o777 if shared else 0o700

    @contextmanager
    def hold(self, environment: str) -> Iterator[None]:
        """
        ConflictError after `wait_seconds`; ConfigError when there can be no such file, and
        StoreUnavailableError when there is no room for it.
        """
        if not _NAME.fullmatch(environment):
            raise ConfigError(f"'{printable(environment)}' is no name of an environment")
        with self._locked(self._directory / f"{environment}.lease", environment) as file:
            _note(file, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            try:
                yield
            finally:
                # Emptied while it is still ours: a later holder's note must not be wiped.
                _note(file, "")

    @contextmanager
    def _locked(self, path: Path, environment: str) -> Iterator[io.FileIO]:
        deadline = time.monotonic() + self._wait_seconds
        while True:
            with _opened(path, self._mode) as file:
                if _taken(file, path):
                    try:
                        yield file
                    finally:
                        # Not left to closing: a process forked meanwhile shares the open file.
                        fcntl.flock(file, fcntl.LOCK_UN)
                    return
                holder = _read_note(file)
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"{environment} is being changed by {holder}, and was not free within "
                    f"{self._wait_seconds:g} seconds: try again when that has ended",
                    {"environment": environment, "holder": holder},
                )
            # Polling, since a thread that blocks in flock could not be interrupted.
            time.sleep(_POLL_SECONDS)


def _opened(path: Path, mode: int) -> io.FileIO:
    try:
        path.parent.parent.mkdir(mode, parents=True, exist_ok=True)
        path.parent.mkdir(mode, exist_ok=True)
        return path.open("a+b", buffering=0)
    except OSError as error:
        out = way_out(error)
        kind = StoreUnavailableError if error.errno in _NO_ROOM else ConfigError
        raise kind(f"the lease {path} cannot be made: {error.strerror}; {out}") from error


def _taken(file: io.FileIO, path: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigError(
            f"the lease {path} cannot be locked: {error.strerror}; "
            "point state.dir at a local file system"
        ) from error
    return True


def _note(file: io.FileIO, text: str) -> None:
    try:
        file.truncate(0)
        file.write(text.encode())
    except OSError as error:
        # A full disk: the lock holds without a note, and the writes to come will say it better.
        if error.errno not in _NO_ROOM:
            raise


def _read_note(file: io.FileIO) -> str:
    file.seek(0)
    return printable(file.read(_NOTE_BYTES).decode(errors="replace")) or "another process"
