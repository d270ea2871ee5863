"""The store of changes: a small interface, so that another database can implement it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from engine.domain.change import Change
from engine.domain.gate import GateKind

# The kind and the details of an event that is not in the feed yet.
Note = tuple[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a change; `sequence` grows with every event of the feed."""

    sequence: int
    change_id: str
    kind: str
    at: datetime
    details: Mapping[str, JsonValue] = field(default_factory=dict)


# For how long the output of gates is kept.
OUTPUTS_KEPT = timedelta(days=90)


class ChangeStore(Protocol):
    """
    Stores changes, their events and the output of their gates.

    It survives kill -9. A stopped server's store may be deleted: the history is in the ledger.
    Every method waits up to a few seconds for another writer, then raises StoreUnavailableError.
    `events` of a method are written in the same transaction. A store shows the changes of one
    product, or of all; the feed and the output of gates are those of all.
    """

    def add(
        self, change: Change, idempotency_key: str | None, events: Sequence[Note] = ()
    ) -> Change:
        """
        Store `change`, or return an existing one instead: one with the same idempotency key
        (stored for at least 24 hours), or an open one with the same action, version and target,
        and for a break-glass with the same incident.
        Of two racing callers, exactly one adds its change.
        """
        ...

    def get(self, change_id: str) -> Change | None: ...

    def move(self, before: Change, after: Change, events: Sequence[Note] = ()) -> bool:
        """Replace `before` by `after`; False if its state or revision has changed since."""
        ...

    def open(self, target: str | None = None) -> tuple[Change, ...]:
        """List the open changes, oldest first, in O(open) time."""
        ...

    def recent(self, limit: int, before: str | None = None) -> tuple[Change, ...]:
        """List the newest `limit` changes, newest first; with `before`, those older than it."""
        ...

    def claim(
        self,
        worker: str,
        now: datetime,
        lasting: timedelta,
        only: str | None = None,
        accepts: Callable[[str, str], bool] = lambda _product, _change: True,
    ) -> Change | None:
        """
        Claim one unclaimed change that is checking or executing, until `now + lasting`.

        None if there is no such change. At most one change per environment is claimed at a time;
        the environment that was served longest ago comes first. With `only`, no other change, and
        none whose product and id `accepts` refuses.
        """
        ...

    def renew(self, change_id: str, worker: str, now: datetime, lasting: timedelta) -> bool:
        """Extend a claim until `now + lasting`; False if the worker has lost it."""
        ...

    def release(self, change_id: str, worker: str) -> None:
        """End a claim, so that another worker can take it immediately."""
        ...

    def events(self, after: int, limit: int = 100) -> tuple[Event, ...]:
        """List the events after sequence `after`, oldest first; interfaces follow changes by it."""
        ...

    def events_of(self, change_id: str) -> tuple[Event, ...]:
        """List the newest 1,000 events of one change, oldest first."""
        ...

    def add_events(self, change_id: str, events: Sequence[Note], keep: int | None = None) -> None:
        """
        Add events to the feed without a move, for example that a gate started.

        With `keep`, older events of the same kind and change are removed beyond that number.
        """
        ...

    def keep_output(self, change_id: str, gate: GateKind, output: bytes) -> None:
        """
        Store the output of a gate, at most 64 KiB, under the id of its change, or under the trace
        id of a run without a change.
        """
        ...

    def output(self, change_id: str, gate: GateKind) -> bytes | None: ...

    def gate_seconds(self, target: str, gate: GateKind) -> tuple[float, ...]:
        """List the durations of the gate's newest runs there (at most 20), newest first."""
        ...

    def keep_gate_seconds(self, target: str, gate: GateKind, seconds: float) -> None: ...

    def remember(self, key: str, value: Mapping[str, JsonValue], now: datetime) -> None:
        """Cache a positive verification result under the hash of its inputs."""
        ...

    def recall(self, key: str) -> Mapping[str, JsonValue] | None: ...

    def close(self) -> None:
        """Close the store."""
        ...
