"""Verifies the chain of one ledger, entry by entry from its head."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from engine.audit.backend_verifier import Mark
from engine.audit.findings import Remarks
from engine.audit.policies import Policies
from engine.audit.signatures import Signatures, Signed
from engine.audit.snapshot import Snapshot
from engine.audit.voids import Voids
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import InspectedEntry, RemarkKind
from engine.domain.ledger import LedgerEntry, ancestors_after, next_state
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.record_index import covers_head
from engine.ports import LedgerReader, Progress

# The number of entries read in parallel and held in memory.
PORTION = 32


@dataclass(frozen=True)
class Place:
    """An entry in its place; `proven` if links from the head lead to it. See InspectedEntry."""

    sequence: int
    entry: LedgerEntry
    proven: bool
    stamped: bool = False
    timestamp: datetime | None = None


class Chain:
    """
    The entries of `snapshot`, newest first; problems are added to `remarks`.

    Entries are read by their sequence tags, in portions. An entry is proven if a proven entry
    links to it. Every entry links to several earlier ones, so that a lost entry does not leave all
    earlier entries unproven. Entries before `first` are not read. With `whole`, blobs are read too.
    The signatures of proven entries are added to `signatures`.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        ledger: LedgerReader,
        pool: Executor,
        progress: Progress,
        remarks: Remarks,
        signatures: Signatures,
        first: int = 1,
        *,
        whole: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self._pool = pool
        self._progress = progress
        self._remarks = remarks
        self._first = first
        self._signatures = signatures
        known = signatures.keys
        self._inspect_tag = partial(ledger.inspect_tag, whole=whole, known=known)
        self._inspect_digest = partial(ledger.inspect_digest, whole=whole, known=known)
        # Digests that proven entries link to.
        self._links: dict[int, Digest] = {}
        self._tagged: dict[int, InspectedEntry | None] = {}
        self._voids = Voids(snapshot, ledger, remarks, signatures)
        # Numbers that proven entries skip.
        self._voided: dict[int, Digest] = {}
        # The entry read last, which is the next newer one.
        self._later: Place | None = None

    def places(self) -> Iterator[Place]:
        """Yield every readable entry, down to the first one to verify."""
        self._voids.report(self._snapshot.voided)
        head, below = self._snapshot.head, self._snapshot.top + 1
        if head and head.entry:
            self._links[head.entry.sequence] = head.entry.digest
        while below > self._first:
            sequence = max(self._next(below), self._first - 1)
            skipped = [number for number in self._voided if sequence < number < below]
            if len(skipped) < below - sequence - 1:
                self._skip(sequence + 1, below - 1)
            place = self._read(sequence) if sequence >= self._first else None
            if place is not None:
                yield place
            below = sequence

    def _next(self, below: int) -> int:
        """The nearest sequence before `below` with a link or a tag; 0 if there is none."""
        linked = max((place for place in self._links if place < below), default=0)
        tagged = self._snapshot.tagged_before(below)
        while tagged in self._voided:
            tagged = self._snapshot.tagged_before(tagged)
        return max(linked, tagged)

    def _skip(self, first: int, last: int) -> None:
        """Report the range without links or tags, unless a newer entry was reported as a gap."""
        later, self._later = self._later, None
        if later is None or not skips(later.entry):
            self._remarks.missing(first, last)

    def _read(self, sequence: int) -> Place | None:
        linked = self._links.pop(sequence, None)
        tagged = self._fetch_tagged(sequence)
        found = tagged if linked is None else self._choose(sequence, linked, tagged)
        if found is not None:
            self._remarks.faults(sequence, found)
        later, self._later = self._later, None
        if found is None or found.entry is None:
            if linked is not None:
                self._report_unproven(sequence)
            return None
        place = Place(sequence, found.entry, linked is not None, found.stamped, found.timestamp)
        if place.proven:
            self._signatures.add(sequence, found.entry, Signed.of(found))
        if self._check_links(place):
            self._compare(place, later)
            self._later = place
        return place

    def _fetch_tagged(self, sequence: int) -> InspectedEntry | None:
        """The content at the tag of `sequence`; tags are read in portions."""
        if not self._snapshot.is_tagged(sequence):
            return None
        if sequence not in self._tagged:
            name = self._snapshot.environment
            top = self._snapshot.top
            self._progress.advance(
                f"reading the ledger of {name}",
                top - sequence,
                top + 1 - self._first,
                "entries",
            )
            portion = self._snapshot.portion(sequence, PORTION)
            portion = tuple(place for place in portion if place >= self._first)
            found = self._pool.map(lambda place: self._inspect_tag(name, place), portion)
            self._tagged = dict(zip(portion, found, strict=True))
        return self._tagged[sequence]

    def _choose(
        self, sequence: int, linked: Digest, tagged: InspectedEntry | None
    ) -> InspectedEntry | None:
        """Prefer the `linked` content to the `tagged` one, and report if they differ."""
        if tagged is not None and tagged.digest == linked:
            return tagged
        found = self._inspect_digest(self._snapshot.environment, linked)
        readable = found if found and found.digest else None
        if tagged is not None and tagged.digest is not None:
            remark = self._remarks.forked if readable else self._remarks.replaced
            remark(sequence, tagged.digest, linked)
            return readable
        if tagged is None and readable:
            self._remarks.untagged(sequence)
        if tagged is None and found is None:
            self._remarks.missing(sequence, sequence)
        return found or tagged

    def _report_unproven(self, sequence: int) -> None:
        """Report the earlier entries that only the lost entry at `sequence` proved."""
        anchor = max((place for place in self._links if place < sequence), default=0)
        if anchor < sequence - 1:
            self._remarks.unproven(sequence, anchor + 1, sequence - 1)

    def _check_links(self, place: Place) -> bool:
        """Report a wrong sequence or missing links, and collect the links of a proven entry."""
        entry, sequence = place.entry, place.sequence
        if entry.sequence != sequence:
            self._remarks.misplaced(sequence, entry.sequence)
            return False
        earlier = {s: d for s, d in entry.ancestors.items() if 0 < s < sequence}
        if place.proven:
            self._voids.add(entry.record)
        self._voids.report(entry.voided)
        if skips(entry):
            self._remarks.gap(sequence, max(earlier, default=0))
        if place.proven:
            # Links of newer entries take precedence.
            self._links = earlier | self._links
            self._voided.update(entry.voided)
        return True

    def _compare(self, place: Place, later: Place | None) -> None:
        """Check that `later` follows from the entry at `place`, and the first from none."""
        if later is not None and not skips(later.entry):
            self._check_follows(place.entry, later.entry)
        if place.sequence == 1:
            self._check_follows(None, place.entry)

    def _check_follows(self, before: LedgerEntry | None, entry: LedgerEntry) -> None:
        if not _links_follow(before, entry):
            self._remarks.inconsistent(entry.sequence, "its list of links")
        if entry.state != next_state(before, entry.record, entry.sequence):
            self._remarks.inconsistent(entry.sequence, "its state")
        if not covers_head(before, entry.keys, entry.index):
            self._remarks.inconsistent(entry.sequence, "its index")
        if before and before.record.repository != entry.record.repository:
            self._remarks.inconsistent(entry.sequence, f"its repository {entry.record.repository}")


def skips(entry: LedgerEntry) -> bool:
    """Whether `entry` skips numbers before it that it does not list as voids."""
    return len(entry.voided) != entry.sequence - entry.previous_sequence - 1


def _links_follow(before: LedgerEntry | None, entry: LedgerEntry) -> bool:
    try:
        return entry.ancestors == ancestors_after(before, entry.sequence)
    except KeyError:
        # The entry before lacks links itself, and has its own remark.
        return before is not None and entry.previous == before.digest


@dataclass(frozen=True, slots=True)
class Era:
    """The records made under one policy: their count, and the first and last sequence."""

    count: int
    first: int
    last: int


@dataclass
class ChainSummary:
    """
    Facts about the entries of one chain.

    `entries` counts the proven ones; `digests` has those at the sequences in `wanted`. `tags` maps
    each tag to its entry and recorded digest. `marks` is filled if the ledger is `compared` with
    an audit backend.
    """

    wanted: frozenset[int]
    compared: bool = False
    entries: int = 0
    digests: dict[int, Digest] = field(default_factory=dict)
    tags: dict[Tag, tuple[int, Digest]] = field(default_factory=dict)
    policies: dict[str, Era] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)

    def add(self, place: Place, remarks: Remarks) -> None:
        """Add `place`; entries must be added newest first."""
        record = place.entry.record
        if self.compared:
            self.marks[place.sequence] = Mark.of(record)
        if isinstance(record, PromotionRecord | RollbackRecord):
            # Unproven entries count too: one remark about the entry is enough, none on its tag.
            self._add_tag(place.sequence, record, remarks)
        if not place.proven:
            return
        self.entries += 1
        if place.sequence in self.wanted:
            self.digests[place.sequence] = place.entry.digest
        era = self.policies.get(record.policy_digest, Era(0, 0, place.sequence))
        self.policies[record.policy_digest] = Era(era.count + 1, place.sequence, era.last)

    def note_policies(self, current: str, remarks: Remarks) -> None:
        """Note how many records were made under policies other than the `current` one."""
        others = {digest: era for digest, era in self.policies.items() if digest != current}
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
            f"{records} (entries {first} to {last}) were made under {policies}, and the current "
            f"one is {current[:19]}: expected if manifest.yaml was changed since, else find out "
            "who used another manifest",
            last,
        )

    def check_policies(self, policies: Policies, remarks: Remarks) -> None:
        """Report policies of records that cannot be read any more."""
        for digest, era in self.policies.items():
            if fault := policies.fault(digest):
                remarks.lost_policy(digest, era.first, era.last, fault)

    def _add_tag(
        self, sequence: int, record: PromotionRecord | RollbackRecord, remarks: Remarks
    ) -> None:
        try:
            tag, digest = Tag(record.artifact_tag), Digest(record.artifact_digest)
        except ValueError as error:
            remarks.inconsistent(sequence, f"the tag in its record ({error})")
        else:
            self.tags.setdefault(tag, (sequence, digest))
