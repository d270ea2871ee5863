"""floe as the first process of a container, which has to reap what others leave behind."""

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
    Return in a child process. This one stays: it passes signals on, reaps every orphan, and ends
    as the child ends.

    Called before there are threads. What our environment holds is closed to gates here, too.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    conceal()
    os._exit(_supervise(child))


def _supervise(child: int) -> int:
    """The exit status of `child`, 128 and the number where a signal ended it."""
    while True:
        received = signal.sigwaitinfo(_AWAITED)
        if received.si_signo == signal.SIGCHLD:
            status = _reap(child)
            if status is not None:
                return status
        # A terminal sends Ctrl-C to the child as well: its signals have a positive code.
        elif received.si_code <= 0:
            os.kill(child, received.si_signo)


def _reap(child: int) -> int | None:
    """Reap all that has ended; the exit status of `child` where it was among them."""
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
