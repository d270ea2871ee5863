"""A child process with everything it starts: run, read, and ended as one."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.adapters.gates.limits import Limits, running_tasks, supported

Sink = Callable[[bytes], None]

_TICK_SECONDS = 0.05
_SILENT_TICK_SECONDS = 0.01
_CHUNK_BYTES = 64 * 1024
_PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT
# How long output is waited for once the whole group is dead. Only a process that left the group
# can hold a pipe by then, and it is not waited for.
_DRAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How the command ended: by `exit_status` or by signal number `killed_by`, by neither when
    nobody can say. `timed_out` and `stopped` tell that it was made to.
    """

    exit_status: int | None = None
    killed_by: int | None = None
    timed_out: bool = False
    stopped: bool = False


class StartError(Exception):
    """The command could not be started, and why."""


class ProcessGroup:
    """
    A started command, the leader of its own session and group. Leaving `with` ends what is left.

    The leader is not reaped before its group has been killed: until then its number can belong to
    no other group, so a signal can only reach our own.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdout: Sink,
        stderr: Sink | None,
        limits: Limits,
    ) -> None:
        """With `stderr` None both streams come to `stdout`. StartError: nothing was started."""
        already = running_tasks() if supported() else 0
        self._selector = selectors.DefaultSelector()
        try:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if stderr is None else subprocess.PIPE,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._selector.close()
            raise StartError(_reason(error)) from error
        if supported():
            limits.apply(self._child.pid, already)
        for pipe, sink in ((self._child.stdout, stdout), (self._child.stderr, stderr)):
            if pipe is not None:
                self._selector.register(pipe, selectors.EVENT_READ, sink)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signal(signal.SIGKILL)
        self._selector.close()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        # Even SIGKILL does not end a process that hangs in the kernel.
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=_DRAIN_SECONDS)

    def supervise(
        self, timeout_seconds: float, grace_seconds: float, stop: threading.Event
    ) -> Ending:
        """Read until the command ends or is ended: SIGTERM at the timeout, later SIGKILL."""
        deadline = time.monotonic() + timeout_seconds
        self._read(lambda: self._ended or stop.is_set(), deadline)
        stopped = stop.is_set() and not self._ended
        timed_out = not stopped and not self._ended
        if stopped or timed_out:
            self._signal(signal.SIGTERM)
            grace = time.monotonic() + grace_seconds
            self._read(lambda: self._ended and not self._open, grace)
        self._signal(signal.SIGKILL)
        drained = time.monotonic() + _DRAIN_SECONDS
        self._read(lambda: self._ended and not self._open, drained)
        status, killed_by = self._status()
        return Ending(status, killed_by, timed_out=timed_out, stopped=stopped)

    def _read(self, done: Callable[[], bool], deadline: float) -> None:
        """Hand on what is printed until `done` or `deadline`, a monotonic time."""
        while not done() and (left := deadline - time.monotonic()) > 0:
            if not self._open:
                time.sleep(min(left, _SILENT_TICK_SECONDS))
                continue
            for key, _ in self._selector.select(min(left, _TICK_SECONDS)):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                if chunk:
                    key.data(chunk)
                else:
                    self._selector.unregister(key.fileobj)

    @property
    def _open(self) -> bool:
        """Whether anybody can still print."""
        return bool(self._selector.get_map())

    @property
    def _ended(self) -> bool:
        """Whether the leader has ended; it stays a zombie."""
        try:
            return os.waitid(os.P_PID, self._child.pid, _PEEK) is not None
        except ChildProcessError:
            return True  # Somebody else reaped it, so that nobody knows how it ended.

    def _status(self) -> tuple[int | None, int | None]:
        """
        Exit status or signal, read from the zombie: where children are reaped automatically,
        Popen would report 0, which would pass.
        """
        try:
            result = os.waitid(os.P_PID, self._child.pid, _PEEK)
        except ChildProcessError:
            return None, None
        if result is None:
            return None, None
        if result.si_code == os.CLD_EXITED:
            return result.si_status, None
        return None, result.si_status

    def _signal(self, number: signal.Signals) -> None:
        # Gone, or run as somebody else: then nothing of it is in our reach.
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)


def _reason(error: OSError | ValueError) -> str:
    """What the system said and of which file, without the number and the quotes."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return str(error)
