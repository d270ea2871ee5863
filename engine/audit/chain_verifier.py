"""One ledger, entry by entry from its head: what is linked, and whether it fits together."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine.audit.backend_verifier import Mark
from engine.audit.findings import Remarks
from engine.audit.snapshot import Snapshot
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import InspectedEntry, RemarkKind
from engine.domain.ledger import LedgerEntry, ancestors_after
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.state import EMPTY, state_after
from engine.ports import LedgerReader, Progress

# So many entries are read side by side, and held at once.
PORTION = 32


@dataclass(frozen=True)
class Place:
    """An entry where it lies; `proven` when the links from the head lead to it."""

    sequence: int
    entry: LedgerEntry
    proven: bool


class Chain:
    """
    The entries of `snapshot`, newest first; what is wrong with them goes to `remarks`.

    They are read by their sequence tags, in portions, and believed as far as an entry that is
    itself believed links to them. Every entry links to several before it, so that one lost entry
    does not hide all that came before.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        ledger: LedgerReader,
        pool: Executor,
        progress: Progress,
        remarks: Remarks,
    ) -> None:
        self._snapshot = snapshot
        self._ledger = ledger
        self._pool = pool
        self._progress = progress
        self._remarks = remarks
        # What proven entries say lies where; the tags' contents; the entry looked at last.
        self._links: dict[int, Digest] = {}
        self._tagged: dict[int, InspectedEntry | None] = {}
        self._later: Place | None = None

    def places(self) -> Iterator[Place]:
        """Every entry that can be read, down to the first."""
        head, below = self._snapshot.head, self._snapshot.top + 1
        if head and head.entry:
            self._links[head.entry.sequence] = head.entry.digest
        while below > 1:
            sequence = self._next(below)
            if sequence < below - 1:
                self._skip(sequence + 1, below - 1)
            place = self._look(sequence) if sequence else None
            if place is not None:
                yield place
            below = sequence

    def _next(self, below: int) -> int:
        """The nearest place before `below` that is linked or tagged; 0 when there is none."""
        linked = max((place for place in self._links if place < below), default=0)
        return max(linked, self._snapshot.tagged_before(below))

    def _skip(self, first: int, last: int) -> None:
        """Nothing is linked or tagged from `first` to `last`; an entry that skips them said so."""
        later, self._later = self._later, None
        if later is None or later.entry.previous is not None:
            self._remarks.missing(first, last)

    def _look(self, sequence: int) -> Place | None:
        linked = self._links.pop(sequence, None)
        tagged = self._fetched(sequence)
        found = tagged if linked is None else self._meant(sequence, linked, tagged)
        if found is not None:
            self._remarks.faults(sequence, found)
        later, self._later = self._later, None
        if found is None or found.entry is None:
            if linked is not None:
                self._lose(sequence)
            return None
        place = Place(sequence, found.entry, proven=linked is not None)
        if self._in_place(place):
            self._compare(place, later)
            self._later = place
        return place

    def _fetched(self, sequence: int) -> InspectedEntry | None:
        """What the tag of `sequence` carries, read with those of a whole portion."""
        if not self._snapshot.is_tagged(sequence):
            return None
        if sequence not in self._tagged:
            name = self._snapshot.environment
            self._progress.step(f"reading the ledger of {name}: entry {sequence} and before")
            portion = self._snapshot.portion(sequence, PORTION)
            found = self._pool.map(lambda place: self._ledger.inspect_tag(name, place), portion)
            self._tagged = dict(zip(portion, found, strict=True))
        return self._tagged[sequence]

    def _meant(
        self, sequence: int, linked: Digest, tagged: InspectedEntry | None
    ) -> InspectedEntry | None:
        """The entry that is linked; its tag is only where it is usually found."""
        if tagged is not None and tagged.digest == linked:
            return tagged
        meant = self._ledger.inspect_digest(self._snapshot.environment, linked)
        there = meant if meant and meant.digest else None
        if tagged is not None and tagged.digest is not None:
            remark = self._remarks.forked if there else self._remarks.replaced
            remark(sequence, tagged.digest, linked)
            return there
        if tagged is None and there:
            self._remarks.untagged(sequence)
        if tagged is None and meant is None:
            self._remarks.missing(sequence, sequence)
        return meant or tagged

    def _lose(self, sequence: int) -> None:
        """Say what the loss of the entry at `sequence` leaves without proof."""
        anchor = max((place for place in self._links if place < sequence), default=0)
        if anchor < sequence - 1:
            self._remarks.unproven(sequence, anchor + 1, sequence - 1)

    def _in_place(self, place: Place) -> bool:
        """Whether the entry says where it lies and links to its neighbour; its links are kept."""
        entry, sequence = place.entry, place.sequence
        if entry.sequence != sequence:
            self._remarks.misplaced(sequence, entry.sequence)
            return False
        earlier = {s: d for s, d in entry.ancestors.items() if 0 < s < sequence}
        if sequence > 1 and entry.previous is None:
            self._remarks.gap(sequence, max(earlier, default=0))
        if place.proven:
            # What a newer entry says was proven first, and stands.
            self._links = earlier | self._links
        return True

    def _compare(self, place: Place, later: Place | None) -> None:
        """Whether `later` follows from the entry before it, and the first from nothing."""
        if later is not None and later.entry.previous is not None:
            self._follows(place.entry, later.entry)
        if place.sequence == 1:
            self._follows(None, place.entry)

    def _follows(self, before: LedgerEntry | None, entry: LedgerEntry) -> None:
        if not _links_follow(before, entry):
            self._remarks.unfit(entry.sequence, "what it links to")
        state = before.state if before else EMPTY
        if entry.state != state_after(state, entry.record, entry.sequence):
            self._remarks.unfit(entry.sequence, "the state it leaves")


def _links_follow(before: LedgerEntry | None, entry: LedgerEntry) -> bool:
    try:
        return entry.ancestors == ancestors_after(before)
    except KeyError:
        # The entry before lacks links itself, which is said of that one.
        return before is not None and entry.previous == before.digest


@dataclass(frozen=True, slots=True)
class Era:
    """The records made under one policy: their number, and the first and last of them."""

    count: int
    first: int
    last: int


@dataclass
class Tally:
    """
    `entries` are the proven ones, `digests` theirs at the places that were asked for in `wanted`;
    `tags` are what records say of tags: by which entry, and where they point. `marks` are what
    an audit backend is `compared` with.
    """

    wanted: frozenset[int]
    compared: bool = False
    entries: int = 0
    digests: dict[int, Digest] = field(default_factory=dict)
    tags: dict[Tag, tuple[int, Digest]] = field(default_factory=dict)
    policies: dict[str, Era] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)

    def add(self, place: Place, remarks: Remarks) -> None:
        """Take in `place`; entries come newest first."""
        record = place.entry.record
        if self.compared:
            self.marks[place.sequence] = Mark.of(record)
        if isinstance(record, PromotionRecord | RollbackRecord):
            # Also of an entry without proof: that it lacks proof is said once, not of its tag too.
            self._tag(place.sequence, record, remarks)
        if not place.proven:
            return
        self.entries += 1
        if place.sequence in self.wanted:
            self.digests[place.sequence] = place.entry.digest
        era = self.policies.get(record.policy_digest, Era(0, 0, place.sequence))
        self.policies[record.policy_digest] = Era(era.count + 1, place.sequence, era.last)

    def policy_note(self, present: str, remarks: Remarks) -> None:
        """Say once how many records were made under other policies than the `present` one."""
        others = {digest: era for digest, era in self.policies.items() if digest != present}
        if not others:
            return
        eras = others.values()
        count, last = sum(era.count for era in eras), max(era.last for era in eras)
        first = min(era.first for era in eras)
        records = f"{count} records" if count > 1 else "1 record"
        policy = f"policy {next(iter(others))[:19]}"
        policies = f"{len(others)} other policies" if len(others) > 1 else policy
        remarks.note(
            RemarkKind.POLICY,
            f"{records} (entries {first} to {last}) were made under {policies}, and the present "
            f"one is {present[:19]}: expected where manifest.yaml was changed since, else ask who "
            "made them with another one",
            last,
        )

    def _tag(
        self, sequence: int, record: PromotionRecord | RollbackRecord, remarks: Remarks
    ) -> None:
        try:
            tag, digest = Tag(record.artifact_tag), Digest(record.artifact_digest)
        except ValueError as error:
            remarks.unfit(sequence, f"the tag in its record ({error})")
        else:
            self.tags.setdefault(tag, (sequence, digest))
