"""Resource limits of a gate's process tree, where the operating system supports them."""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from engine.domain.gate import GateLimits

_log = logging.getLogger(__name__)

_PROC = Path("/proc")
# -1000 to 1000; out of memory, the kernel kills higher scores first, so gates before floe.
_OOM_SCORE = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Limits of one gate; None means no limit.

    `processes`: new processes, beyond those the user already runs (the kernel counts per user, and
    does not limit root). `memory_bytes`: data size of each process. `files`: the soft limit of
    open files, which the server raises for itself.
    """

    processes: int | None = None
    memory_bytes: int | None = None
    files: int | None = None

    def with_overrides(self, gate: GateLimits) -> Self:
        """These limits, overridden by the limits of a `gate`."""
        memory = gate.memory_mb and gate.memory_mb * 1024 * 1024
        return replace(
            self,
            processes=gate.processes or self.processes,
            memory_bytes=memory or self.memory_bytes,
        )

    def apply(self, pid: int, tasks_before: int) -> None:
        """
        Limit the new process `pid` and its future children. `tasks_before` is the result of
        `running_tasks` before the start.
        """
        processes = None if self.processes is None else tasks_before + self.processes
        limits = {resource.RLIMIT_NPROC: processes, resource.RLIMIT_DATA: self.memory_bytes}
        with suppress(ProcessLookupError):
            for kind, limit in limits.items():
                if limit is not None:
                    _lower(pid, kind, limit)
            if self.files is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.files, hard))
        with suppress(OSError):
            _raise_oom_score(pid)


UNLIMITED = Limits()


def is_supported() -> bool:
    return hasattr(resource, "prlimit")


def running_tasks() -> int:
    """The number of processes and threads of this user in /proc."""
    return sum(_tasks())


def _tasks() -> Iterator[int]:
    user = str(os.getuid())
    for status in _PROC.glob("[0-9]*/status"):
        # A process may end while it is read.
        with suppress(OSError, KeyError, IndexError, ValueError):
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
            if fields["Uid"].split()[0] == user:
                yield int(fields["Threads"])


def _lower(pid: int, kind: int, limit: int) -> None:
    """Lower the soft and the hard limit; a command could raise a soft limit again."""
    try:
        _, hard = resource.prlimit(pid, kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.prlimit(pid, kind, (allowed, allowed))
    except PermissionError:
        # A set-uid program, such as sudo.
        _log.warning("gate command runs as another user and is not limited")


def _raise_oom_score(pid: int) -> None:
    score = _PROC / str(pid) / "oom_score_adj"
    if int(score.read_text()) < _OOM_SCORE:
        score.write_text(str(_OOM_SCORE))
