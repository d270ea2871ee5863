"""Stores in a database: changes, known heads, refusal counts, outcomes."""

from engine.adapters.store.changes import SqlStore
from engine.adapters.store.known_heads import SqlHeads
from engine.adapters.store.migrations import FILE_NAME, state_database
from engine.adapters.store.refusal_counts import SqlTally
from engine.adapters.store.retention import Retention
from engine.adapters.store.sync_outcomes import SqlOutcomes

__all__ = [
    "FILE_NAME",
    "Retention",
    "SqlHeads",
    "SqlOutcomes",
    "SqlStore",
    "SqlTally",
    "state_database",
]
