"""What a disk refuses, in words: the fact, and the way out of it."""

import errno
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

_SPACE = "free some space and repeat"
_WRITABLE = "mount it writable"
_WAYS_OUT = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on the size of files and repeat",
    errno.EROFS: _WRITABLE,
    errno.EISDIR: "move it away",
}
_FULL = f"cannot grow, the disk is full: {_SPACE}"
_READ_ONLY = f"is on a disk that is mounted read-only: {_WRITABLE}"
_ELSEWHERE = "point state.dir at a directory this user may write"
_FACTS = {
    sqlite3.SQLITE_BUSY: "is being written by others: try again",
    sqlite3.SQLITE_READONLY: f"cannot be written: {_ELSEWHERE}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: {_ELSEWHERE}",
    sqlite3.SQLITE_PERM: f"cannot be opened: {_ELSEWHERE}",
    sqlite3.SQLITE_IOERR: "cannot be read or written: see to its disk and repeat",
}
_PRIMARY = 0xFF
# SQLite does not say why it could not open or extend a file; the index of its log takes 32 KiB.
_UNEXPLAINED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
_LEAST_BYTES = 64 * 1024


def way_out(error: OSError, otherwise: str = _ELSEWHERE) -> str:
    """What to do about `error`: `otherwise` where it is not the disk's fault."""
    return _WAYS_OUT.get(error.errno or 0, otherwise)


def database_fact(path: Path, error: sqlite3.Error, facts: Mapping[int, str]) -> str:
    """
    What is wrong with the SQLite file at `path`, and the way out. `facts` say what this file's
    damage means, and what else is its own, by SQLite's primary result codes.
    """
    if path.is_dir():
        return "is a directory: move it away"
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    disk = _disk_of(path)
    if code == sqlite3.SQLITE_FULL or (code in _UNEXPLAINED and disk and _is_full(disk)):
        return _FULL
    refused = code in (*_UNEXPLAINED, sqlite3.SQLITE_READONLY)
    if refused and disk and disk.f_flag & os.ST_RDONLY:
        return _READ_ONLY
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    unknown = f"cannot be used ({name}: {error}): see to it and repeat"
    return facts.get(code) or _FACTS.get(code, unknown)


def _disk_of(path: Path) -> os.statvfs_result | None:
    try:
        return os.statvfs(path.parent)
    except OSError:
        return None


def _is_full(disk: os.statvfs_result) -> bool:
    """By bytes, or by the number of files where that is limited."""
    no_files_left = disk.f_files > 0 and disk.f_favail == 0
    return no_files_left or disk.f_bavail * disk.f_frsize < _LEAST_BYTES
