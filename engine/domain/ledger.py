"""Entries of an environment's ledger, and the links between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.domain.artifact import Digest
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.record import AnyRecord
from engine.domain.record_index import Link, RecordIndex, covers_head, index_after, keys_of
from engine.domain.state import EMPTY, EnvironmentState, state_after

# Sequence to digest.
Links = Mapping[int, Digest]


@dataclass(frozen=True)
class LedgerEntry:
    """
    A record in the registry: `manifest` is its OCI manifest, `state` the state after it.

    `ancestors` links to earlier entries: the previous one, and for every i the first at or after
    the newest multiple of 2^i, by which any entry is O(log n) reads from the head. `voided` lists
    the occupied numbers before this one whose content does not count. `index` leads to the newest
    earlier entry about any digest or version. `signer` is the fingerprint of the trusted key that
    signed it; None if entries are not verified. `warnings` are sentences about an entry that was
    just made; they are not stored.
    """

    environment: str
    sequence: int
    ancestors: Links
    record: AnyRecord
    state: EnvironmentState
    manifest: Manifest
    voided: Links = field(default_factory=dict)
    index: RecordIndex = field(default_factory=dict)
    signer: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> Digest:
        return self.manifest.digest

    @property
    def link(self) -> Link:
        return Link(self.sequence, self.digest)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the record in the index."""
        return keys_of(self.record)

    @property
    def previous_sequence(self) -> int:
        """The number of the previous entry; 0 for the first."""
        return max(self.ancestors, default=0)

    @property
    def anchor(self) -> str:
        """`prod#7 sha256:…`, by which people find the entry again (`audit verify --anchor`)."""
        return f"{self.environment}#{self.sequence} {self.digest}"

    @property
    def previous(self) -> Digest | None:
        return self.ancestors.get(self.previous_sequence)


@dataclass(frozen=True)
class ChainEnd:
    """
    The end of a ledger: `head` is its newest entry, None if there is none.

    `voided` are the occupied numbers after it whose content does not count. `hint` is the digest of
    the head tag; it differs from `head` after an interrupted run, or if the tag was
    moved outside floe.
    `untrusted` are the voided numbers without an entry that a trusted key signed.
    """

    head: LedgerEntry | None
    voided: Links = field(default_factory=dict)
    hint: Digest | None = None
    untrusted: frozenset[int] = frozenset()

    @property
    def next_sequence(self) -> int:
        """The first free number."""
        return max(self.voided, default=self.head.sequence if self.head else 0) + 1

    @property
    def hinted(self) -> bool:
        """Whether the head tag points to `head`: the run that wrote it came to its last steps."""
        return self.hint == (self.head.digest if self.head else None)


@dataclass(frozen=True)
class LedgerDraft:
    """An entry before it is written. `subject` is the artifact that the record is attached to."""

    environment: str
    sequence: int
    ancestors: Links
    voided: Links
    index: RecordIndex
    record: AnyRecord
    state: EnvironmentState
    subject: Descriptor | None


def draft_after(
    end: ChainEnd,
    record: AnyRecord,
    subject: Descriptor | None,
    read: Callable[[Link], LedgerEntry],
) -> LedgerDraft:
    """Draft the entry for `record` that follows `end`; `read` reads earlier entries."""
    sequence = end.next_sequence
    state = state_after(end.head.state if end.head else EMPTY, record, sequence)
    ancestors = ancestors_after(end.head, sequence)
    index = index_after(end.head, keys_of(record), read)
    voided = end.voided
    return LedgerDraft(record.ledger, sequence, ancestors, voided, index, record, state, subject)


def ancestors_after(head: LedgerEntry | None, sequence: int) -> dict[int, Digest]:
    """The links of the entry at `sequence` that follows `head`; see LedgerEntry."""
    if head is None:
        return {}
    known = {**head.ancestors, head.sequence: head.digest}
    chosen = {head.sequence: head.digest}
    step = 1
    while step < sequence:
        multiple = sequence - 1 - (sequence - 1) % step
        if place := min((each for each in known if each >= multiple), default=0):
            chosen[place] = known[place]
        step *= 2
    return chosen


def next_hop(entry: LedgerEntry, sequence: int) -> int:
    """
    The linked ancestor of `entry` closest to `sequence`, at or after it; without one the previous
    entry, which is the newest before `sequence`. 0 if there is none.
    """
    later = (known for known in entry.ancestors if known >= sequence)
    return min(later, default=entry.previous_sequence)


def continues(entry: LedgerEntry, end: ChainEnd, sequence: int) -> bool:
    """
    Whether `entry`, found at the number `sequence`, follows `end`. An entry of another repository
    does not.
    """
    head = end.head
    if head is not None and head.record.repository != entry.record.repository:
        return False
    state = state_after(head.state if head else EMPTY, entry.record, sequence)
    if not covers_head(head, entry.keys, entry.index):
        return False
    made = (sequence, ancestors_after(head, sequence), state)
    return made == (entry.sequence, dict(entry.ancestors), entry.state)
