"""Verify ledgers: each as it lies in the registry, against its tags and what was seen before."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from engine.audit.backend_verifier import compare, copies_of
from engine.audit.chain_verifier import Chain, Tally
from engine.audit.findings import Remarks
from engine.audit.head_verifier import judge_beyond, judge_head, judge_rewind
from engine.audit.snapshot import Snapshot
from engine.audit.tag_verifier import Tags
from engine.domain.artifact import Tag
from engine.domain.audit import AuditReport, EnvironmentAudit
from engine.domain.errors import ConfigError, StoreUnavailableError
from engine.domain.path import PromotionPath
from engine.domain.state import EMPTY
from engine.ports import Heads, Leases, LedgerReader, Progress, RegistryReader
from engine.ports.audit_backend import AuditBackendPlugin


@dataclass(frozen=True)
class Verification:
    """Reads everything and writes only to `heads`: O(records) requests, a portion at a time."""

    path: PromotionPath
    registry: RegistryReader
    ledger: LedgerReader
    leases: Leases
    heads: Heads
    pool: Executor
    policy_digest: str
    backend: AuditBackendPlugin | None = None

    def report(self, environments: Iterable[str], progress: Progress) -> AuditReport:
        """How it stands with `environments`, in this order."""
        tags = self.registry.tags()
        return AuditReport(tuple(self._verified(name, tags, progress) for name in environments))

    def _verified(self, name: str, tags: tuple[Tag, ...], progress: Progress) -> EnvironmentAudit:
        snapshot = self._snapshot(name, tags)
        found = self._judged(snapshot, progress)
        if found.sound:
            return found
        # What looks wrong may be a change under way: looked at again as it is between two changes.
        settled = self._settled(name)
        return found if settled == snapshot else self._judged(settled, progress)

    def _settled(self, name: str) -> Snapshot:
        try:
            with self.leases.hold(name):
                return self._snapshot(name, self.registry.tags())
        except (ConfigError, StoreUnavailableError):
            # Who may not write, or finds no room, cannot keep writers off: looks twice as well.
            return self._snapshot(name, self.registry.tags())

    def _snapshot(self, name: str, tags: tuple[Tag, ...]) -> Snapshot:
        latest = self.pool.submit(self.registry.resolve, self.path.environment(name).latest)
        head = self.ledger.inspect_tag(name, None)
        places = (self.ledger.parse_tag(tag) for tag in tags)
        readings = ((tag, self.path.read(tag)) for tag in tags)
        return Snapshot(
            environment=name,
            head=head,
            latest=latest.result(),
            sequences=tuple(sorted(place[1] for place in places if place and place[0] == name)),
            tags=tuple(sorted(tag for tag, said in readings if said and said.environment == name)),
            copies=copies_of(self.backend, name),
        )

    def _judged(self, snapshot: Snapshot, progress: Progress) -> EnvironmentAudit:
        name = snapshot.environment
        remarks, known = Remarks(name), self.heads.known(name)
        wanted = frozenset({known.sequence} if known else ())
        tally = Tally(wanted, compared=snapshot.copies is not None)
        judge_head(snapshot, remarks)
        for place in Chain(snapshot, self.ledger, self.pool, progress, remarks).places():
            tally.add(place, remarks)
        following = self.ledger.inspect_tag(name, snapshot.beyond[0]) if snapshot.beyond else None
        judge_beyond(snapshot, following, remarks)
        self._judge_tags(snapshot, tally, remarks)
        if snapshot.copies is not None:
            compare(snapshot.copies, tally.marks, remarks)
        tally.policy_note(self.policy_digest, remarks)
        judge_rewind(snapshot, known, tally, self.heads, remarks)
        return EnvironmentAudit(
            environment=name,
            entries=tally.entries,
            head=snapshot.head.digest if snapshot.head else None,
            problems=tuple(remarks.problems),
            notes=tuple(remarks.notes),
        )

    def _judge_tags(self, snapshot: Snapshot, tally: Tally, remarks: Remarks) -> None:
        tags = Tags(self.registry, self.pool, snapshot.environment == self.path.entry.name)
        tags.recorded(tally.tags, remarks)
        tags.unrecorded(snapshot, tally.tags, remarks)
        head = snapshot.head.entry if snapshot.head else None
        tags.latest(snapshot, head.state if head else EMPTY, remarks)
