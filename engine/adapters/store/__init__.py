"""The SQLite database of the state directory: changes, known heads, refusal counts, outcomes."""

from engine.adapters.store.known_heads import SqliteHeads
from engine.adapters.store.refusal_counts import SqliteTally
from engine.adapters.store.retention import Retention
from engine.adapters.store.schema import FILE_NAME, state_database
from engine.adapters.store.sqlite import SqliteStore
from engine.adapters.store.sync_outcomes import SqliteOutcomes

__all__ = [
    "FILE_NAME",
    "Retention",
    "SqliteHeads",
    "SqliteOutcomes",
    "SqliteStore",
    "SqliteTally",
    "state_database",
]
