"""Keeps what this process holds from the commands it runs, which are of the same user."""

import sys
from importlib import import_module

# prctl(2)
_PR_SET_DUMPABLE = 4


def conceal() -> None:
    """
    From here on `/proc/<pid>/environ`, where our tokens are, and the memory of this process are
    root's alone, and no core is dumped. A program it starts is as open as any other. Where the
    operating system has no such thing, nothing changes.
    """
    if sys.platform == "linux":
        # Loaded only here: most commands run no gate.
        import_module("ctypes").CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
