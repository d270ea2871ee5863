"""Explain disk errors: the fix for an OSError, the sentence for an error of SQLite."""

import errno
import os
import sqlite3
from pathlib import Path

_SPACE = "free some space and repeat"
_WRITABLE = "mount it writable"
_FIXES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on the size of files and repeat",
    errno.EROFS: _WRITABLE,
    errno.EISDIR: "move it away",
}
_FULL = f"cannot grow, the disk is full: {_SPACE}"
_READ_ONLY = f"is on a disk that is mounted read-only: {_WRITABLE}"
STATE_ACCESS = "point state.dir at a directory this user may write"
_ACCESS = {
    sqlite3.SQLITE_READONLY: "cannot be written",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_PERM: "cannot be opened",
}
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PRIMARY = 0xFF
# SQLite does not say why it could not open or extend a file; the index of its log takes 32 KiB.
_UNEXPLAINED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
_LEAST_BYTES = 64 * 1024


def disk_fix(error: OSError, otherwise: str = STATE_ACCESS) -> str:
    """Return how to fix `error`: `otherwise` when the disk is not the cause."""
    return _FIXES.get(error.errno or 0, otherwise)


def describe_sqlite_error(
    path: Path, error: sqlite3.Error, *, wait_seconds: float, if_damaged: str, access: str
) -> str:
    """
    Describe the problem of the SQLite file at `path`, and its fix.

    The text continues a sentence that starts with the file. `if_damaged` is the fix for damage,
    `access` the one for missing rights.
    """
    if path.is_dir():
        return "is a directory: move it away"
    code = primary_code(error)
    disk = _disk_of(path)
    if code == sqlite3.SQLITE_FULL or (code in _UNEXPLAINED and disk and _is_full(disk)):
        return _FULL
    refused = code in (*_UNEXPLAINED, sqlite3.SQLITE_READONLY)
    if refused and disk and disk.f_flag & os.ST_RDONLY:
        return _READ_ONLY
    if code in _DAMAGE:
        return f"is damaged or not a SQLite database: {if_damaged}"
    if code in _BUSY:
        return (
            f"is being written by others and was not free within {wait_seconds:g} seconds: "
            "try again"
        )
    if code in _ACCESS:
        return f"{_ACCESS[code]}: {access}"
    if code == sqlite3.SQLITE_IOERR:
        return "cannot be read or written: check its disk and repeat"
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"cannot be used ({name}: {error}): fix the cause and repeat"


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code of `error`; 0 when there is none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY


def _disk_of(path: Path) -> os.statvfs_result | None:
    try:
        return os.statvfs(path.parent)
    except OSError:
        return None


def _is_full(disk: os.statvfs_result) -> bool:
    """Whether no bytes are left, or no files where their number is limited."""
    no_files_left = disk.f_files > 0 and disk.f_favail == 0
    return no_files_left or disk.f_bavail * disk.f_frsize < _LEAST_BYTES
