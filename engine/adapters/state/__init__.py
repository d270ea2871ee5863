"""The right to write an environment, and the lock files that keep writers on a machine apart."""

from engine.adapters.state.leases import FileLeases, MachineLocks
from engine.adapters.state.lock_files import LockDirectory, choose_directory

__all__ = ["FileLeases", "LockDirectory", "MachineLocks", "choose_directory"]
