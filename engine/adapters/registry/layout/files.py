"""File access of an OCI image layout: reads with a limit, and the lock of the index."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.domain.errors import RegistryAnswerError, RegistryUnavailableError
from engine.runtime.disk_errors import disk_fix

LOCK_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.01
_NO_ACCESS = (errno.EACCES, errno.EPERM)


@contextmanager
def translate_write_errors(root: Path) -> Iterator[None]:
    """Turn OSError into RegistryUnavailableError."""
    try:
        yield
    except OSError as error:
        no_access = error.errno in _NO_ACCESS
        access = "run as a user with write access"
        fix = disk_fix(error, access if no_access else "make the directory writable")
        raise RegistryUnavailableError(
            f"the image layout {root} cannot be written: {error.strerror}; "
            f"nothing was changed: {fix}"
        ) from error


def read_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """
    Read a file of at most `limit` bytes, with its state; OSError if it cannot be read,
    RegistryAnswerError if it is larger.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        content = file.read(limit + 1) if state.st_size <= limit else b""
    if max(state.st_size, len(content)) > limit:
        raise RegistryAnswerError(f"{path} is larger than {limit} bytes and was not read")
    return content, state


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """
    Hold the lock of the index, for all threads and processes of this machine.

    The operating system releases the lock if its holder dies. Other tools do not respect it.
    """
    with translate_write_errors(root):
        lock = root / ".floe" / "index.lock"
        lock.parent.mkdir(exist_ok=True)
        # Locking needs only read access, so that users who share the directory share the lock.
        descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with translate_write_errors(root):
            _acquire(descriptor, root)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not _try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise RegistryUnavailableError(
                f"the image layout {root} has been locked by another process for "
                f"{LOCK_WAIT_SECONDS:g} seconds: end the process if it hangs, and try again"
            )
        time.sleep(_POLL_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
