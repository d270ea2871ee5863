"""Files the configuration is made of: bounded in size, and in time where somebody writes them."""

import errno
import os
import stat
import time
from pathlib import Path

# Of a pipe into which nobody writes.
_PIPE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_CHUNK = 65536


def read_file(path: Path, most: int) -> bytes:
    """What is in `path`, `most` bytes of it; OSError where it cannot be read, or not in time."""
    # Opening a pipe would otherwise wait until somebody opens its other end.
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            return _piped(number, most)
        os.set_blocking(number, True)
        return file.read(most)


def _piped(number: int, most: int) -> bytes:
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
            raise OSError(errno.ETIMEDOUT, "a pipe into which nothing is written")
        else:
            time.sleep(_LOOK_SECONDS)
    return content
