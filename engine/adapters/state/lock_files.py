"""Lock files, opened without following links, and the directory that all users share."""

import errno
import io
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.domain.errors import ConfigError

SETTING = "FLOE_LOCK_DIR"
# The first that root made for everybody is used, so that all users choose the same one. A service
# with PrivateTmp=yes has a /tmp of its own, so it comes last.
SHARED_DIRECTORIES = (
    Path("/run/lock"),
    Path("/var/lock"),
    Path("/dev/shm"),  # noqa: S108 - lock files are opened without following links
    Path("/tmp"),  # noqa: S108
)
_EVERYBODY = 0o666
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class LockDirectory:
    """
    The directory of a machine's lock files, or a `path` of None without one.

    `warning` names the users that the locks do not exclude.
    """

    path: Path | None
    warning: str | None = None


def choose_directory(
    environ: Mapping[str, str], shared: tuple[Path, ...] = SHARED_DIRECTORIES
) -> LockDirectory:
    """
    Choose the directory for the locks of this machine: FLOE_LOCK_DIR, else the first of `shared`
    that every user may write to, else a directory of this user. ConfigError when FLOE_LOCK_DIR
    is not an absolute path of a directory.
    """
    named = environ.get(SETTING, "").strip()
    if named:
        path = Path(named)
        if not (path.is_absolute() and path.is_dir()):
            raise ConfigError(
                f"{SETTING} is '{named}', which is not the absolute path of a directory: "
                "create the directory, or unset the variable"
            )
        return LockDirectory(path)
    common = next(filter(_is_for_everybody, shared), None)
    if common is not None and os.access(common, os.W_OK | os.X_OK):
        return LockDirectory(common)
    reason = f"{common} is not writable here" if common else "no directory is shared by all users"
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and os.access(runtime, os.W_OK | os.X_OK):
        return LockDirectory(Path(runtime), _doubt(reason, "commands of other users"))
    return LockDirectory(None, _doubt(reason, "commands with another state directory"))


def _doubt(reason: str, others: str) -> str:
    return (
        f"Locks do not exclude {others} on this machine: {reason}. Set {SETTING} to a directory "
        "that everybody who runs floe here may write to"
    )


def _is_for_everybody(path: Path) -> bool:
    """Return whether root made `path` for all users, with the sticky bit."""
    try:
        status = path.stat()
    except OSError:
        return False
    wanted = stat.S_ISVTX | stat.S_IWOTH
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and status.st_mode & wanted == wanted


def open_lock_file(path: Path, *, everybody: bool) -> io.FileIO:
    """
    Open `path`, or create it: for this user, or so that `everybody` can lock it.

    OSError when it cannot be opened. A file of another user may be open for reading only, which
    is enough to lock it. Links are never followed, and a file is opened before it is created,
    since Linux refuses O_CREAT for another user's file in a sticky directory.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _opened(path)
        except FileNotFoundError:
            _create(path, _EVERYBODY if everybody else 0o600)
        except PermissionError as error:
            refused = error
            # Perhaps another user has created it, and not yet opened it to everybody.
            time.sleep(_PAUSE_SECONDS)
    raise refused


def _opened(path: Path) -> io.FileIO:
    try:
        descriptor, mode = os.open(path, os.O_RDWR | _FLAGS), "r+"
    except PermissionError:
        descriptor, mode = os.open(path, os.O_RDONLY | _FLAGS), "r"
    file = io.FileIO(descriptor, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file")
    return file


def _create(path: Path, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode)
    except FileExistsError:
        return
    try:
        # The umask took bits away.
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def is_current(file: io.FileIO, path: Path) -> bool:
    """Return whether `path` still names the open `file`, which may have been replaced."""
    try:
        named = path.stat(follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(named, os.fstat(file.fileno()))


def is_writable(file: io.FileIO) -> bool:
    """Return whether writing to `file` changes only a lock file: a hard link may lead elsewhere."""
    return file.writable() and os.fstat(file.fileno()).st_nlink == 1
