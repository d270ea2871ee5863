"""One server to a state directory: two would both work on its changes and both tell Slack."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.bootstrap.server import way_out
from engine.domain.errors import ConfigError
from engine.domain.text import printable

FILE_NAME = "serve.lock"
_NOTE_BYTES = 40


@contextmanager
def sole_server(directory: Path) -> Iterator[None]:
    """
    The right to serve `directory`, freed when its holder dies. ConfigError where another process
    has it, or where it cannot be had. What stands in the file is for people; the lock counts.
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
                # Who it is, where there is room: only the lock counts.
                file.truncate(0)
                file.write(f"process {os.getpid()}".encode())
            yield
        finally:
            # Not left to closing: a process forked meanwhile shares the open file.
            fcntl.flock(file, fcntl.LOCK_UN)


def _unusable(path: Path, error: OSError) -> ConfigError:
    out = way_out(error, "point state.dir at a local directory this user may write")
    return ConfigError(f"{path} cannot be locked ({error.strerror}): {out}")
