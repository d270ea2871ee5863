"""Shared set-up for tests of stores: a clock that is set by hand, and changes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from engine.adapters.store import Retention, SqlStore, state_database
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Person
from engine.domain.operator import IdentitySource
from engine.ports import Clock
from engine.ports.change_store import ChangeStore

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALICE = Person(name="alice@acme.com", id="slack:T1/U1", source=IdentitySource.SLACK, verified=True)

_numbers = count(1)


@dataclass
class HandClock:
    """Implements `engine.ports.Clock`: stands still until it is set."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time


def change(version: str | None = None, target: str = "prod", **fields: Any) -> Change:
    """A change just submitted; a version of its own unless one is given."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "id": f"c-{number:08x}",
        "action": "promote",
        "source": "staging",
        "requester": ALICE,
        "interface": "cli",
        "trace_id": "0123456789abcdef0123456789abcdef",
        "created_at": NOON,
        "updated_at": NOON,
    }
    given = {"version": version or f"v1.0.{number}", "target": target}
    return Change.model_validate(defaults | given | fields)


def ids(changes: Sequence[Change]) -> list[str]:
    return [change.id for change in changes]


def executing(store: ChangeStore, given: Change) -> Change:
    moved = given.moved(ChangeState.EXECUTING)
    assert store.move(given, moved)
    return moved


@contextmanager
def sqlite_store(
    directory: Path,
    clock: Clock | None = None,
    wait_seconds: float = 5,
    keep: Retention | None = None,
) -> Iterator[SqlStore]:
    store = SqlStore(state_database(directory, wait_seconds), clock or HandClock(), keep)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def crowd(size: int) -> Iterator[ThreadPoolExecutor]:
    """Threads enough for everybody to go at once."""
    with ThreadPoolExecutor(size) as pool:
        yield pool
