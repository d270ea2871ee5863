"""Changes in flight, kept in one SQLite file: loses nothing on kill -9, shared by processes."""

from engine.adapters.store.retention import Retention
from engine.adapters.store.sqlite import SqliteStore

__all__ = ["Retention", "SqliteStore"]
