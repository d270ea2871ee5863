"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def write_file(path: Path, content: bytes, mtime_ns: int | None = None) -> os.stat_result:
    """Put `content` at `path` in one step that survives a power cut; OSError changes nothing."""
    return write_pieces(path, (content,), mtime_ns)


def write_pieces(
    path: Path, pieces: Iterable[bytes], mtime_ns: int | None = None
) -> os.stat_result:
    """As `write_file`, for what comes piece by piece; an error of `pieces` changes nothing."""
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


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
