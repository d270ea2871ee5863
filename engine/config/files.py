"""Reads configuration files with a size limit, and pipes with a timeout."""

import errno
import os
import stat
import time
from pathlib import Path

# The timeout of a pipe without a writer.
_PIPE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_CHUNK = 65536


def read_file(path: Path, most: int) -> bytes:
    """Read at most `most` bytes of `path`; OSError if it cannot be read, or not in time."""
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            return _read_pipe(number, most)
        os.set_blocking(number, True)
        return file.read(most)


def _read_pipe(number: int, most: int) -> bytes:
    content = b""
    end = time.monotonic() + _PIPE_SECONDS
    while len(content) < most:
        try:
            chunk = os.read(number, min(_CHUNK, most - len(content)))
        except BlockingIOError:
            chunk = None
        if chunk:
            content += chunk
            end = time.monotonic() + _PIPE_SECONDS
        elif chunk is not None and content:
            break
        elif time.monotonic() > end:
            raise OSError(errno.ETIMEDOUT, f"no data came from the pipe for {_PIPE_SECONDS:.0f} s")
        else:
            time.sleep(_POLL_SECONDS)
    return content
