"""Bounds what a command and everything it starts may use, where the operating system can."""

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
# When memory runs out, the kernel ends gates before floe. -1000 to 1000; higher goes first.
_OOM_SCORE = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """
    `processes`: how many more than the user has, which the kernel counts for all of the user's
    together, and not for root. `memory_bytes`: data of each process. `files`: the soft limit of
    open files, which the server raises for itself. None bounds nothing.
    """

    processes: int | None = None
    memory_bytes: int | None = None
    files: int | None = None

    def of(self, own: GateLimits) -> Self:
        """These limits, with the ones that a gate has of its own in their place."""
        memory = own.memory_mb and own.memory_mb * 1024 * 1024
        return replace(
            self,
            processes=own.processes or self.processes,
            memory_bytes=memory or self.memory_bytes,
        )

    def apply(self, pid: int, already: int) -> None:
        """
        Bound `pid`, which has only just begun, and what it will start. `already` is what
        `running_tasks` said before it began.
        """
        wanted = {
            resource.RLIMIT_NPROC: None if self.processes is None else already + self.processes,
            resource.RLIMIT_DATA: self.memory_bytes,
        }
        with suppress(ProcessLookupError):
            for kind, most in wanted.items():
                if most is not None:
                    _lower(pid, kind, most)
            if self.files is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.files, hard))
        with suppress(OSError):
            _prefer_when_memory_is_out(pid)


UNLIMITED = Limits()


def supported() -> bool:
    return hasattr(resource, "prlimit")


def running_tasks() -> int:
    """The processes and threads that the kernel counts for this user, as far as /proc has them."""
    return sum(_tasks())


def _tasks() -> Iterator[int]:
    user = str(os.getuid())
    for status in _PROC.glob("[0-9]*/status"):
        # One that has ended meanwhile counts no more.
        with suppress(OSError, KeyError, IndexError, ValueError):
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
            if fields["Uid"].split()[0] == user:
                yield int(fields["Threads"])


def _lower(pid: int, kind: int, most: int) -> None:
    """Both limits, since a command may raise the soft one."""
    try:
        _, hard = resource.prlimit(pid, kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, kind, (allowed, allowed))
    except PermissionError:
        # A program that runs as somebody else, as sudo does.
        _log.warning("a gate's command runs as another user, so that it is not limited")


def _prefer_when_memory_is_out(pid: int) -> None:
    score = _PROC / str(pid) / "oom_score_adj"
    if int(score.read_text()) < _OOM_SCORE:
        score.write_text(str(_OOM_SCORE))
