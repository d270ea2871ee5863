"""Entries of an environment's ledger, and the links between them."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.artifact import Digest
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.record import AnyRecord
from engine.domain.state import EMPTY, EnvironmentState, state_after

# Sequence to digest: the newest earlier entry at a multiple of 2^i, for every i. The previous entry
# is always among them; by the others, any entry is O(log n) reads from the head.
Ancestors = Mapping[int, Digest]


@dataclass(frozen=True)
class LedgerEntry:
    """A record in the registry: `manifest` is its OCI manifest, `state` the state after it."""

    environment: str
    sequence: int
    ancestors: Ancestors
    record: AnyRecord
    state: EnvironmentState
    manifest: Manifest

    @property
    def digest(self) -> Digest:
        return self.manifest.digest

    @property
    def previous(self) -> Digest | None:
        return self.ancestors.get(self.sequence - 1)


@dataclass(frozen=True)
class LedgerDraft:
    """An entry before it is written. `subject` is the artifact that the record is attached to."""

    environment: str
    sequence: int
    ancestors: Ancestors
    record: AnyRecord
    state: EnvironmentState
    subject: Descriptor | None


def draft_after(
    head: LedgerEntry | None, record: AnyRecord, subject: Descriptor | None
) -> LedgerDraft:
    """Draft the entry for `record` that follows `head`."""
    sequence = head.sequence + 1 if head else 1
    state = state_after(head.state if head else EMPTY, record, sequence)
    return LedgerDraft(record.ledger, sequence, ancestors_after(head), record, state, subject)


def ancestors_after(head: LedgerEntry | None) -> dict[int, Digest]:
    """The links of the entry after `head`: for every i, the newest multiple of 2^i so far."""
    if head is None:
        return {}
    known = {**head.ancestors, head.sequence: head.digest}
    chosen: dict[int, Digest] = {}
    step = 1
    while step <= head.sequence:
        newest = head.sequence - head.sequence % step
        chosen[newest] = known[newest]
        step *= 2
    return chosen


def next_hop(entry: LedgerEntry, sequence: int) -> int:
    """The linked ancestor of `entry` closest to `sequence`, at or after it."""
    return min(known for known in entry.ancestors if known >= sequence)


def continues(entry: LedgerEntry, head: LedgerEntry | None) -> bool:
    """Whether `entry` follows `head`: its links and state are those of a draft of its record."""
    draft = draft_after(head, entry.record, None)
    made = (draft.environment, draft.sequence, dict(draft.ancestors), draft.state)
    return made == (entry.environment, entry.sequence, dict(entry.ancestors), entry.state)
