"""Stores in a database: changes, known heads, refusal counts, outcomes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.adapters.store.changes import SqlStore
    from engine.adapters.store.deployments import SqlDeployments
    from engine.adapters.store.known_heads import SqlHeads
    from engine.adapters.store.migrations import FILE_NAME, state_database
    from engine.adapters.store.refusal_counts import SqlTally
    from engine.adapters.store.retention import Retention
    from engine.adapters.store.sync_outcomes import SqlOutcomes

__all__ = [
    "FILE_NAME",
    "Retention",
    "SqlDeployments",
    "SqlHeads",
    "SqlOutcomes",
    "SqlStore",
    "SqlTally",
    "state_database",
]
_MODULES = {
    "FILE_NAME": "migrations",
    "Retention": "retention",
    "SqlDeployments": "deployments",
    "SqlHeads": "known_heads",
    "SqlOutcomes": "sync_outcomes",
    "SqlStore": "changes",
    "SqlTally": "refusal_counts",
    "state_database": "migrations",
}


def __getattr__(name: str) -> Any:
    """Load a store when it is first used: most commands use one of them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"engine.adapters.store.{_MODULES[name]}"), name)
