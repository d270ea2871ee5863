"""Hides the environment and memory of this process from its commands, which run as its user."""

import sys
from importlib import import_module

# prctl(2)
_PR_SET_DUMPABLE = 4


def conceal() -> None:
    """
    Make `/proc/<pid>/environ`, which has our tokens, and the memory of this process readable only
    by root, and disable core dumps. Started programs are not affected. Linux only.
    """
    if sys.platform == "linux":
        # Imported here, since most commands run no gate.
        import_module("ctypes").CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
