"""Files of an OCI image layout: bounded reads, and one writer of the index at a time."""

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
_NO_RIGHT = (errno.EACCES, errno.EPERM)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turns what the operating system refuses into RegistryUnavailableError."""
    try:
        yield
    except OSError as error:
        refused = error.errno in _NO_RIGHT
        right = "run as a user who may write there"
        out = disk_fix(error, right if refused else "see that the directory can be written")
        raise RegistryUnavailableError(
            f"the image layout {root} cannot be written: {error.strerror}; "
            f"nothing took effect: {out}"
        ) from error


def read_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """
    A file of at most `limit` bytes and its state; OSError when it cannot be read,
    RegistryAnswerError when it is larger.
    """
    # Without O_NONBLOCK, opening a pipe that somebody put there would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        content = file.read(limit + 1) if state.st_size <= limit else b""
    if max(state.st_size, len(content)) > limit:
        raise RegistryAnswerError(f"{path} is larger than {limit} bytes, so it is not read")
    return content, state


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """
    Alone among all threads and processes of this machine that change the layout's index.

    The operating system frees the lock when its holder dies. Tools of others do not know it.
    """
    with writing(root):
        lock = root / ".floe" / "index.lock"
        lock.parent.mkdir(exist_ok=True)
        # Reading is enough to lock, so users who share the directory can lock each other out.
        descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with writing(root):
            _wait_for(descriptor, root)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not _taken(descriptor):
        if time.monotonic() >= deadline:
            raise RegistryUnavailableError(
                f"the image layout {root} has been locked for {LOCK_WAIT_SECONDS:g} seconds "
                "by another process: see whether one hangs, end it and repeat"
            )
        time.sleep(_POLL_SECONDS)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
