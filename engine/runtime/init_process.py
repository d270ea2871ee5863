"""Runs floe as the first process of a container, which must reap orphaned processes."""

import os
import signal

from engine.runtime.memory_protection import conceal

_FORWARDED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
_AWAITED = {*_FORWARDED, signal.SIGCHLD}


def continue_in_child() -> None:
    """
    Fork, and return in the child. The parent forwards signals, reaps orphans, and exits with the
    status of the child.

    Must be called before threads are started. The parent's environment is hidden from gates too.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    conceal()
    os._exit(_supervise(child))


def _supervise(child: int) -> int:
    """The exit status of `child`; 128 plus the signal number if a signal ended it."""
    while True:
        received = signal.sigwaitinfo(_AWAITED)
        if received.si_signo == signal.SIGCHLD:
            status = _reap(child)
            if status is not None:
                return status
        # Signals of a terminal (positive code) reach the child directly.
        elif received.si_code <= 0:
            os.kill(child, received.si_signo)


def _reap(child: int) -> int | None:
    """Reap all ended processes; the exit status of `child` if it is one of them."""
    found = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if ended == 0:
            return found
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code
