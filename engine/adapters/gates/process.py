"""Runs a child process in a process group, reads its output, and kills the whole group."""

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

from engine.adapters.gates.limits import Limits, is_supported, running_tasks

Sink = Callable[[bytes], None]

_TICK_SECONDS = 0.05
_SILENT_TICK_SECONDS = 0.01
_CHUNK_BYTES = 64 * 1024
_PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT
# How long to read output after the group is dead: only a process that left the group can still
# hold the pipe.
_DRAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ending:
    """
    The end of a command: its `exit_status`, or the signal number `killed_by`; both are None if
    unknown. `timed_out` and `stopped` mean that floe ended it.
    """

    exit_status: int | None = None
    killed_by: int | None = None
    timed_out: bool = False
    stopped: bool = False


class StartError(Exception):
    """The command could not be started; the message has the reason."""


class ProcessGroup:
    """
    A started command, the leader of its own session and group. Leaving `with` kills the group.

    The leader is reaped only after the kill: until then the kernel cannot give its number to
    another group, so that no signal reaches a foreign process.
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
        """Start the command, or raise StartError. Without `stderr`, both streams go to `stdout`."""
        tasks_before = running_tasks() if is_supported() else 0
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
        if is_supported():
            limits.apply(self._child.pid, tasks_before)
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
        # A process that hangs in the kernel survives even SIGKILL.
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=_DRAIN_SECONDS)

    def supervise(
        self, timeout_seconds: float, grace_seconds: float, stop: threading.Event
    ) -> Ending:
        """Read until the command ends; at the timeout or `stop` send SIGTERM, later SIGKILL."""
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
        """Pass output to the sinks until `done` or `deadline`, a monotonic time."""
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
        """Whether a process still holds an output pipe."""
        return bool(self._selector.get_map())

    @property
    def _ended(self) -> bool:
        """Whether the leader has ended; it is not reaped here."""
        try:
            return os.waitid(os.P_PID, self._child.pid, _PEEK) is not None
        except ChildProcessError:
            return True  # Reaped elsewhere, so that its exit status is unknown.

    def _status(self) -> tuple[int | None, int | None]:
        """
        Exit status or signal number, read without reaping: Popen reports 0, a pass, for a child
        that was reaped elsewhere.
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
        # The group may be gone, or run as another user and out of reach.
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)


def _reason(error: OSError | ValueError) -> str:
    """File and reason of `error`, without the error number."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return str(error)
