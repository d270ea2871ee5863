"""Verifies ledgers: their chains, their tags, their copies and the heads seen before."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from engine.audit.anchors import check_anchors, digest_at, select_anchors
from engine.audit.backend_verifier import compare, read_copies
from engine.audit.break_glass_rules import overdue_reviews
from engine.audit.chain_verifier import Chain, ChainSummary
from engine.audit.checked_ledger import CheckedLedger, find_complete
from engine.audit.checkpoint_verifier import CheckpointVerifier
from engine.audit.checkpoints import Checkpoints
from engine.audit.findings import Remarks
from engine.audit.head_verifier import check_hint, check_known_head
from engine.audit.meaning_verifier import MeaningVerifier
from engine.audit.past_moves import PastMoves, open_moves
from engine.audit.policies import Policies
from engine.audit.rollback_targets import note_lost_target
from engine.audit.signatures import Signatures
from engine.audit.snapshot import Snapshot
from engine.audit.tag_verifier import Tags
from engine.audit.timestamps import Timestamps
from engine.domain.artifact import Tag
from engine.domain.audit import Anchor, AuditReport, KnownHead, RemarkKind
from engine.domain.errors import (
    ConfigError,
    LedgerUnreadableError,
    RegistryAnswerError,
    RegistryRefusalError,
    StoreUnavailableError,
)
from engine.domain.ledger import ChainEnd
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument
from engine.domain.state import EMPTY
from engine.ports import Heads, Leases, LedgerReader, Progress, RegistryReader
from engine.ports.audit_backend import AuditBackendPlugin


@dataclass(frozen=True)
class Verification:
    """An audit of ledgers: O(records) requests; it writes only to `heads`."""

    path: PromotionPath
    registry: RegistryReader
    ledger: LedgerReader
    leases: Leases
    heads: Heads
    pool: Executor
    policy: PolicyDocument
    now: datetime
    backend: AuditBackendPlugin | None = None
    anchors: Sequence[Anchor] = ()
    checkpoints: Checkpoints | None = None
    full: bool = False

    def report(self, environments: Iterable[str], progress: Progress) -> AuditReport:
        """Verify the ledgers of `environments`, in this order; UsageError for other anchors."""
        environments = tuple(environments)
        select_anchors(self.anchors, environments)
        tags = self.registry.tags()
        policies = Policies.of(self.registry, self.policy)
        # The source of a promotion is read after its target, so that it is at least as new.
        order = [name for name in reversed(self.path.names) if name in environments]
        checked = {name: self._verify(name, tags, policies, progress) for name in order}
        for each in checked.values():
            if each.meaning:
                each.meaning.finish(partial(self._open_moves, checked))
        return AuditReport(tuple(checked[name].audit for name in environments))

    def _verify(
        self, name: str, tags: tuple[Tag, ...], policies: Policies, progress: Progress
    ) -> CheckedLedger:
        snapshot = self._snapshot(name, tags)
        checked = self._check(snapshot, policies, progress)
        if checked.audit.sound:
            return checked
        # The problem may be a change in progress, so it is checked again between two changes.
        stable = self._stable_snapshot(name)
        return checked if stable == snapshot else self._check(stable, policies, progress)

    def _open_moves(
        self, checked: Mapping[str, CheckedLedger], environment: str, lookups: int
    ) -> PastMoves:
        known = find_complete(checked, environment)
        return known.all_moves if known else open_moves(self.ledger, environment, lookups)

    def _stable_snapshot(self, name: str) -> Snapshot:
        """A snapshot under the lease of `name`, while no change is in progress."""
        try:
            with self.leases.hold(name):
                return self._snapshot(name, self.registry.tags())
        except (ConfigError, StoreUnavailableError):
            # No lease without write access or disk space; a second snapshot is still better.
            return self._snapshot(name, self.registry.tags())

    def _snapshot(self, name: str, tags: tuple[Tag, ...]) -> Snapshot:
        latest = self.pool.submit(self.registry.resolve, self.path.environment(name).latest)
        try:
            end = self.ledger.end(name)
        except RegistryRefusalError:
            raise
        except (RegistryAnswerError, LedgerUnreadableError):
            # The hint has the fault; without an end no entry is proven.
            end = ChainEnd(None)
        hint = self.ledger.inspect_tag(name, None)
        head = self.ledger.inspect_digest(name, end.head.digest) if end.head else None
        places = (self.ledger.parse_tag(tag) for tag in tags)
        readings = ((tag, self.path.read(tag)) for tag in tags)
        return Snapshot(
            environment=name,
            head=head,
            hint=hint,
            voided=end.voided,
            latest=latest.result(),
            sequences=tuple(sorted(place[1] for place in places if place and place[0] == name)),
            tags=tuple(
                sorted(tag for tag, parts in readings if parts and parts.environment == name)
            ),
            copies=read_copies(self.backend, name),
            checkpoint=self.checkpoints.read(name) if self.checkpoints else None,
        )

    def _check(self, snapshot: Snapshot, policies: Policies, progress: Progress) -> CheckedLedger:
        name = snapshot.environment
        remarks, known = Remarks(name), self.heads.known(name)
        wanted = frozenset({known.sequence} if known else ())
        summary = ChainSummary(wanted, compared=snapshot.copies is not None)
        check_hint(snapshot, remarks)
        head = snapshot.head.entry if snapshot.head else None
        signatures = Signatures(self.ledger, head)
        first = self._first_to_read(snapshot, remarks)
        meaning = MeaningVerifier(name, self.ledger, policies.find, remarks, first == 1)
        timestamps = Timestamps(self.ledger.verifies_timestamps, remarks)
        places = (snapshot, self.ledger, self.pool, progress, remarks, signatures, first)
        for place in Chain(*places, whole=self.full).places():
            summary.add(place, remarks)
            meaning.add(place)
            timestamps.add(place)
            if place.sequence == first:
                signatures.learn_before(place.entry)
        if first > 1:
            self._add_unread(first, snapshot, known, summary, remarks)
        self._check_tags(snapshot, summary, remarks, complete=first == 1)
        if snapshot.copies is not None:
            compare(snapshot.copies, summary.marks, remarks)
        mine = [each for each in self.anchors if each.environment == name]
        check_anchors(mine, head, self.ledger, remarks)
        summary.note_policies(self.policy.digest, remarks)
        summary.check_policies(policies, remarks)
        signatures.report_retired(remarks)
        signatures.note_untrusted(remarks)
        timestamps.note("name the certificates of the authority in ledger.timestamp")
        check_known_head(snapshot, known, summary, self.heads, remarks)
        for overdue in overdue_reviews(head.state if head else EMPTY, self.now):
            remarks.problem(RemarkKind.APPROVAL, overdue)
        found = snapshot.head.digest if snapshot.head else None
        return CheckedLedger(name, found, summary, remarks, meaning)

    def _first_to_read(self, snapshot: Snapshot, remarks: Remarks) -> int:
        """Compare with the checkpoint; the first entry to read is the last one that it proves."""
        if self.checkpoints is None:
            return 1
        head = snapshot.head.entry if snapshot.head else None
        verifier = CheckpointVerifier(self.checkpoints, snapshot.environment, head, remarks)
        proven = verifier.verify(snapshot.checkpoint)
        # Copies are compared with every entry.
        return 1 if self.full or snapshot.copies is not None else max(proven, 1)

    def _add_unread(
        self,
        first: int,
        snapshot: Snapshot,
        known: KnownHead | None,
        summary: ChainSummary,
        remarks: Remarks,
    ) -> None:
        """Add the entries before `first` to `summary`: a checkpoint and the links prove them."""
        summary.entries += first - 1
        head = snapshot.head.entry if snapshot.head else None
        if known and known.sequence < first:
            found = digest_at(head, known.sequence, self.ledger)
            summary.digests |= {known.sequence: found} if found else {}
        for sequence in sorted({*range(1, first)} - {*snapshot.sequences}):
            remarks.untagged(sequence)
        remarks.unread(first - 1)

    def _check_tags(
        self, snapshot: Snapshot, summary: ChainSummary, remarks: Remarks, *, complete: bool
    ) -> None:
        tags = Tags(self.registry, self.pool, snapshot.environment == self.path.entry.name)
        tags.check_recorded(summary.tags, remarks)
        if complete:
            tags.check_unrecorded(snapshot, summary.tags, remarks)
        head = snapshot.head.entry if snapshot.head else None
        if head is not None:
            note_lost_target(self.registry, self.ledger, head, remarks)
        tags.check_latest(snapshot, head.state if head else EMPTY, remarks)
