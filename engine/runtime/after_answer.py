"""Work that a command postpones until its answer is printed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Work = list[Callable[[], None]]
_POSTPONED: ContextVar[Work | None] = ContextVar("postponed", default=None)


@contextmanager
def postponing() -> Iterator[Work]:
    """Collect the work that the block postpones."""
    work: Work = []
    token = _POSTPONED.set(work)
    try:
        yield work
    finally:
        _POSTPONED.reset(token)


def postponed() -> Work | None:
    """Return the list to which work for later is added; None where no answer is awaited."""
    return _POSTPONED.get()
