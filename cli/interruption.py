"""Ctrl-C and SIGTERM, which end a command by a KeyboardInterrupt."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

_interrupted = Event()


def handle_signals() -> None:
    """Raise KeyboardInterrupt on SIGTERM, and on SIGINT unless the caller ignores it."""
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    _interrupted.set()
    raise KeyboardInterrupt


@contextmanager
def restored_interrupts() -> Iterator[None]:
    """
    Raise KeyboardInterrupt again where a library made another error of it, as pydantic does while
    it builds a model.
    """
    _interrupted.clear()
    try:
        yield
    except KeyboardInterrupt:
        _interrupted.clear()
        raise
    except Exception as error:
        if not _interrupted.is_set():
            raise
        _interrupted.clear()
        raise KeyboardInterrupt from error
