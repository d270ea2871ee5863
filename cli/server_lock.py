"""Lock of a state directory: two servers would carry out each change and post to Slack twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.domain.errors import ConfigError
from engine.domain.text import printable
from engine.runtime.disk_errors import disk_fix

FILE_NAME = "serve.lock"
_NOTE_BYTES = 40


@contextmanager
def sole_server(directory: Path) -> Iterator[None]:
    """
    Hold the server lock of `directory` until the process ends.

    Raises ConfigError when another process holds it or the file cannot be locked. The text of the
    file is for people.
    """
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise _unusable(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = printable(file.read(_NOTE_BYTES).decode(errors="replace")) or "another process"
            raise ConfigError(
                f"{directory} is served already, by {holder}: end that one, or give this one a "
                "state.dir of its own"
            ) from error
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            with suppress(OSError):
                # The text names the holder, if the disk has room: only the lock counts.
                file.truncate(0)
                file.write(f"process {os.getpid()}".encode())
            yield
        finally:
            # Unlocked before it is closed, because a forked process shares the open file.
            fcntl.flock(file, fcntl.LOCK_UN)


def _unusable(path: Path, error: OSError) -> ConfigError:
    out = disk_fix(error, "point state.dir at a local directory this user may write")
    return ConfigError(f"{path} cannot be locked ({error.strerror}): {out}")
