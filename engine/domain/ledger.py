"""Entries of an environment's ledger, and the links between them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.domain.artifact import Digest
from engine.domain.errors import ConflictError
from engine.domain.key_trust import KeyState, rotation_fault
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.public_key import PublicKey
from engine.domain.record import AnyRecord
from engine.domain.record_index import Link, RecordIndex, covers_head, index_after, keys_of
from engine.domain.state import EMPTY, EnvironmentState, state_after
from engine.domain.upkeep_records import RotateRecord

# Sequence to digest.
Links = Mapping[int, Digest]


@dataclass(frozen=True)
class LedgerEntry:
    """
    A record in the registry: `manifest` is its OCI manifest, `state` the state after it.

    `ancestors` links to earlier entries: the previous one, and for every i the first at or after
    the newest multiple of 2^i, by which any entry is O(log n) reads from the head. `voided` lists
    the occupied numbers before this one whose content does not count. `index` leads to the newest
    earlier entry about any digest or version. `signer` is the ID of the key that signed it, among
    the listed ones and those that it names itself: whether that key was trusted at this place is
    judged by the entry before. None if entries are not verified. `warnings` are sentences about an
    entry that was just made; they are not stored.
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
    def passed_keys(self) -> KeyState | None:
        """The keys as the next entry starts with them: linked to this one if it is a rotation."""
        keys = self.state.keys
        return keys.linked_to(self.link) if keys and self.is_rotation else keys

    @property
    def is_rotation(self) -> bool:
        return isinstance(self.record, RotateRecord)

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
class EntryClaim:
    """
    The number of an entry, which a writer took in the database before it created the tag.

    `manifest` is the entry, so that others can complete it if the writer dies or is suspended.
    `abandoned` if the claim is so old that its writer is not expected back.
    """

    environment: str
    sequence: int
    manifest: Manifest
    abandoned: bool = False

    @property
    def digest(self) -> Digest:
        return self.manifest.digest


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
    state = next_state(end.head, record, sequence)
    ancestors = ancestors_after(end.head, sequence)
    index = index_after(end.head, keys_of(record), read)
    voided = end.voided
    return LedgerDraft(record.ledger, sequence, ancestors, voided, index, record, state, subject)


def next_state(head: LedgerEntry | None, record: AnyRecord, sequence: int) -> EnvironmentState:
    """The state of the entry for `record` at `sequence`, which follows `head`."""
    if head is None:
        return state_after(EMPTY, record, sequence)
    state = head.state
    if head.is_rotation:
        state = state.model_copy(update={"keys": head.passed_keys})
    return state_after(state, record, sequence)


def keys_named_by(rotations: Iterable[LedgerEntry]) -> tuple[PublicKey, ...]:
    """The keys that `rotations` add or retire."""
    records = [each.record for each in rotations]
    named = [each.added + each.retired for each in records if isinstance(each, RotateRecord)]
    return tuple(dict.fromkeys(key for keys in named for key in keys))


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
    does not, and neither does a rotation that leaves no trusted key. Its signature is not judged.
    """
    head = end.head
    if head is not None and head.record.repository != entry.record.repository:
        return False
    state = next_state(head, entry.record, sequence)
    if entry.is_rotation and rotation_fault(state.keys, entry.signer):
        return False
    if not covers_head(head, entry.keys, entry.index):
        return False
    made = (sequence, ancestors_after(head, sequence), state)
    return made == (entry.sequence, dict(entry.ancestors), entry.state)


def entry_lost(entry: LedgerEntry) -> ConflictError:
    """The error of a writer whose `entry` has a number that another writer took first."""
    return ConflictError(
        f"Another writer recorded entry {entry.sequence} of '{entry.environment}' first, so this "
        f"{entry.record.kind} is not on the ledger and did not take effect. Run the same command "
        f"again. Check the state: floe platform status --env {entry.environment}",
        {"sequence": entry.sequence},
    )
