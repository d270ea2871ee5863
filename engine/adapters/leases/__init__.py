"""The right to write an environment, and the lock files that keep writers on a machine apart."""

from engine.adapters.leases.files import LockDirectory, choose_directory
from engine.adapters.leases.leases import FileLeases, MachineLocks

__all__ = ["FileLeases", "LockDirectory", "MachineLocks", "choose_directory"]
