"""Finds processes that a demo left."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def left_in(folder: Path) -> list[int]:
    """List the processes that work in `folder`."""
    found = []
    for pid in _pids():
        with suppress(OSError):
            if Path(f"/proc/{pid}/cwd").resolve().is_relative_to(folder):
                found.append(pid)
    return found


def left_of(session: int) -> list[int]:
    """List the processes of a session, which is named after the process that started it."""
    found = []
    for pid in _pids():
        with suppress(OSError):
            if os.getsid(pid) == session:
                found.append(pid)
    return found


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
