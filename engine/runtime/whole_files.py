"""Writes files and directories atomically, and creates files that only their owner can read."""

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.domain.errors import RegistryUnavailableError, UsageError

# Closing any descriptor of a file ends all locks this process has on it (sqlite.org/howtocorrupt,
# 2.2), so no thread may use a file while another one creates it.
_making = threading.Lock()


def write_file(path: Path, content: bytes, mtime_ns: int | None = None) -> os.stat_result:
    """Write `content` to `path` atomically and durably; OSError changes nothing."""
    return write_pieces(path, (content,), mtime_ns)


def write_pieces(
    path: Path, pieces: Iterable[bytes], mtime_ns: int | None = None
) -> os.stat_result:
    """Like `write_file`, for an iterator of `pieces`, whose errors change nothing."""
    draft = path.with_name(f".floe-{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            if mtime_ns is not None:
                os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
            os.fsync(file.fileno())
            state = os.fstat(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)
    return state


@contextmanager
def write_directory(target: Path) -> Iterator[Path]:
    """
    Yield a draft of the directory `target`, which appears only when it is complete.

    UsageError unless `target` is new or empty, RegistryUnavailableError if it cannot be written.
    """
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"'{target}' already exists: name a new or empty directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".floe-", dir=target.parent))
        try:
            yield draft
            draft.chmod(0o755)
            # A rename replaces an empty directory, and fails if files were added since.
            draft.replace(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise RegistryUnavailableError(f"'{target}' cannot be written: {error.strerror}") from error


def make_private(path: Path) -> None:
    """Create an empty file that only this user can read, and its directory, if missing."""
    with _making:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            # Another process created it first.
            return


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
