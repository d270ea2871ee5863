"""How long the store keeps old rows, and their removal in small steps."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.adapters.store import statements as sql
from engine.adapters.store.rows import micros
from engine.ports.change_store import OUTPUTS_KEPT
from engine.runtime.database import Connection

# Rows of each kind that go with one new change: more than a change brings, so the store shrinks.
_AT_ONCE = 200
_MIN_KEYS = timedelta(hours=24)
_MIN_EVENTS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Retention:
    """
    The ages at which rows may be removed. Changes stay, and so do outputs of open ones.

    Raises ValueError below the promises of `engine.ports.change_store.ChangeStore`: 24 hours of
    idempotency keys, 30 days of events.
    """

    keys: timedelta = _MIN_KEYS
    events: timedelta = timedelta(days=90)
    outputs: timedelta = OUTPUTS_KEPT
    verifications: timedelta = timedelta(days=90)

    def __post_init__(self) -> None:
        if self.keys < _MIN_KEYS or self.events < _MIN_EVENTS:
            raise ValueError(f"keys are kept for {_MIN_KEYS}, events for {_MIN_EVENTS} at least")


def clear(db: Connection, now: datetime, keep: Retention) -> None:
    """Remove a bounded number of old rows, so the caller does not wait for a large backlog."""
    for statement, age in (
        (sql.CLEAR_KEYS, keep.keys),
        (sql.CLEAR_EVENTS, keep.events),
        (sql.CLEAR_OUTPUTS, keep.outputs),
        (sql.CLEAR_VERIFICATIONS, keep.verifications),
    ):
        db.execute(statement, [micros(now - age), _AT_ONCE])
