"""What the life of changes needs kept: small, so that another database can provide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from engine.domain.change import Change
from engine.domain.gate import GateKind

# The kind of an event and its details, before it has its place in the feed.
Note = tuple[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a change; `sequence` grows by one with every event of the feed."""

    sequence: int
    change_id: str
    kind: str
    at: datetime
    details: Mapping[str, JsonValue] = field(default_factory=dict)


# For how long the output of gates is kept.
OUTPUTS_KEPT = timedelta(days=90)


class ChangeStore(Protocol):
    """
    Changes in flight and what belongs to them. Loses nothing on kill -9, and may be deleted at
    rest without losing history, which is the ledger's.

    Every method waits up to a few seconds for another writer, then raises StoreUnavailableError.
    `events` given to a method are (kind, details) pairs, written in the same transaction.
    """

    def add(
        self, change: Change, idempotency_key: str | None, events: Sequence[Note] = ()
    ) -> Change:
        """
        Keep `change`, or return the one that is there already: with the same idempotency key
        (kept for at least 24 hours), or open with the same action, version and target. Exactly one
        of two racing callers adds. A change that has ended is no twin of an open one.
        """
        ...

    def get(self, change_id: str) -> Change | None: ...

    def move(self, before: Change, after: Change, events: Sequence[Note] = ()) -> bool:
        """Replace `before` by `after` if its state and revision are still what they were."""
        ...

    def open(self, target: str | None = None) -> tuple[Change, ...]:
        """Changes that have not ended, oldest first; O(open), however many have ended."""
        ...

    def recent(self, limit: int, before: str | None = None) -> tuple[Change, ...]:
        """The newest `limit` changes, newest first, those before the change `before` if given."""
        ...

    def claim(
        self, worker: str, now: datetime, lasting: timedelta, only: str | None = None
    ) -> Change | None:
        """
        One open change that somebody has to work on (checking or executing) and nobody holds:
        the right to do so, until `now + lasting`. One change per environment at a time, and the
        environment served longest ago first; with `only`, the change of that id or none.
        """
        ...

    def renew(self, change_id: str, worker: str, now: datetime, lasting: timedelta) -> bool:
        """Prolong a claim; False when it was lost."""
        ...

    def release(self, change_id: str, worker: str) -> None:
        """Give a claim back, so that somebody else may take it at once."""
        ...

    def events(self, after: int, limit: int = 100) -> tuple[Event, ...]:
        """What happened after sequence `after`, oldest first: faces follow changes by this."""
        ...

    def story(self, change_id: str) -> tuple[Event, ...]:
        """What happened to one change, oldest first; the newest 1,000 events of it."""
        ...

    def note(self, change_id: str, events: Sequence[Note]) -> None:
        """Add to the feed without a move: a gate started or finished."""
        ...

    def keep_output(self, change_id: str, gate: GateKind, output: bytes) -> None:
        """
        Keep what a gate printed, at most 64 KiB, under the id of its change or, where a run has no
        change, its trace id.
        """
        ...

    def output(self, change_id: str, gate: GateKind) -> bytes | None: ...

    def gate_seconds(self, target: str, gate: GateKind) -> tuple[float, ...]:
        """How long the gate took in its newest runs there (at most 20), newest first."""
        ...

    def keep_gate_seconds(self, target: str, gate: GateKind, seconds: float) -> None: ...

    def remember(self, key: str, value: Mapping[str, JsonValue], now: datetime) -> None:
        """Cache a positive verification result under the hash of what it depends on."""
        ...

    def recall(self, key: str) -> Mapping[str, JsonValue] | None: ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...
