"""Bring secondaries to where the primary is, by what its ledgers prove (`floe platform sync`)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from engine.domain.artifact import Digest, Tag
from engine.domain.environment import Environment
from engine.domain.errors import (
    ContentMissingError,
    PromotionError,
    RegistryAnswerError,
    TagExistsError,
)
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.mirroring import EnvironmentSync, SyncReport
from engine.domain.path import PromotionPath
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.ports import Leases, Ledger, Progress, RegistryReader
from engine.ports.mirror import Copied, Mirror, TagCopy
from engine.ports.state import REFERRERS_LEASE
from engine.secondaries.secondaries import lease_of


@dataclass(frozen=True)
class Repair:
    """
    Walks the ledgers, and copies to each of `mirrors` what it lacks: every artifact on record with
    its tag and all that is attached, every record, and the tags that move.
    """

    path: PromotionPath
    registry: RegistryReader
    ledger: Ledger
    leases: Leases
    mirrors: Sequence[Mirror]

    def report(self, names: Sequence[str], progress: Progress) -> SyncReport:
        """RegistryUnavailableError and LedgerUnreadableError where the primary cannot be read."""
        relisted = sum(self._relist(name) for name in names)
        if not self.mirrors:
            return SyncReport((), relisted)
        pool = ThreadPoolExecutor(len(self.mirrors), thread_name_prefix="floe-sync")
        try:
            found = pool.map(lambda mirror: self._mirror(mirror, names, progress), self.mirrors)
            return SyncReport(tuple(row for rows in found for row in rows), relisted)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _relist(self, name: str) -> int:
        """List records again that the primary's index of referrers has lost; returns how many."""
        listed: dict[Digest, set[str]] = {}
        lost = []
        with closing(self.ledger.walk(name)) as entries:
            for entry in entries:
                subject = entry.manifest.view.subject
                if subject is None:
                    continue
                digest = Digest(subject.digest)
                if digest not in listed:
                    found = self.registry.referrers(digest)
                    listed[digest] = {each.digest for each in found}
                if str(entry.digest) not in listed[digest]:
                    lost.append(entry)
        for entry in lost:
            with self.leases.hold(REFERRERS_LEASE):
                self.ledger.attach(entry)
        return len(lost)

    def _mirror(
        self, mirror: Mirror, names: Sequence[str], progress: Progress
    ) -> list[EnvironmentSync]:
        rows: list[EnvironmentSync] = []
        gone: PromotionError | None = None
        for name in names:
            progress.step(f"{mirror.reference}: {name}")
            work = _Work(self, mirror, self.path.environment(name))
            # Who does not answer is not asked again for every environment.
            gone = gone or work.done()
            rows.append(work.row(gone))
        return rows


@dataclass
class _Work:
    """One environment on one mirror."""

    repair: Repair
    mirror: Mirror
    environment: Environment
    changed: list[str] = field(default_factory=list)
    errors: list[PromotionError] = field(default_factory=list)
    sent: int = 0
    known: dict[Digest, Copied] = field(default_factory=dict)

    def row(self, gone: PromotionError | None) -> EnvironmentSync:
        errors = (*self.errors, gone) if gone else tuple(self.errors)
        return EnvironmentSync(
            self.mirror.reference, self.environment.name, tuple(self.changed), self.sent, errors
        )

    def done(self) -> PromotionError | None:
        """Everything that can be done is; what makes going on useless is returned."""
        try:
            self._all()
        except PromotionError as error:
            return error
        return None

    def _all(self) -> None:
        ledger, name = self.repair.ledger, self.environment.name
        head: LedgerEntry | None = None
        with closing(ledger.walk(name)) as entries:
            for entry in entries:
                head = head or entry
                self._attempt(entry)
        if head is None:
            return
        self._tags([TagCopy(ledger.tag(name, None), head.manifest, immutable=False)], head.digest)
        if head.state.digest is not None:
            latest = self._artifact(Digest(head.state.digest))
            self._tags([TagCopy(self.environment.latest, latest, immutable=False)], latest.digest)

    def _attempt(self, entry: LedgerEntry) -> None:
        """What is wrong with one record or its artifact is noted, and the others are gone on."""
        try:
            self._entry(entry)
        except (TagExistsError, RegistryAnswerError) as error:
            self.errors.append(error)

    def _entry(self, entry: LedgerEntry) -> None:
        record = entry.record
        if isinstance(record, PromotionRecord | RollbackRecord):
            tag, digest = Tag(record.artifact_tag), Digest(record.artifact_digest)
            if self.repair.registry.resolve(tag) != digest:
                raise RegistryAnswerError(
                    f"tag '{tag}' of the primary is not what its record says, so it is not copied: "
                    f"run floe platform audit verify --env {entry.environment}"
                )
            manifest = self._artifact(digest)
            self._copy(manifest)
            self._tags([TagCopy(tag, manifest, immutable=True)], digest)
        tag = self.repair.ledger.tag(entry.environment, entry.sequence)
        if self.mirror.resolve(tag) != entry.digest:
            self._copy(entry.manifest)
            self._tags([TagCopy(tag, entry.manifest, immutable=True)], entry.digest)

    def _artifact(self, digest: Digest) -> Manifest:
        manifest = self.repair.registry.fetch(digest)
        if manifest is None:
            raise ContentMissingError(
                f"{self.repair.registry.reference} does not have {digest}, which is on record: "
                "push it again"
            )
        return manifest

    def _copy(self, manifest: Manifest) -> None:
        if manifest.digest not in self.known:
            copied = self.mirror.copy(manifest)
            self.sent += copied.sent
            self.known[manifest.digest] = copied

    def _tags(self, tags: list[TagCopy], root: Digest) -> None:
        """Written under the lease, and only while the primary says so: it may have moved on."""
        copied = self.known.get(root)
        with self.repair.leases.hold(lease_of(self.mirror)):
            standing = [
                each
                for each in tags
                if each.immutable or self.repair.registry.resolve(each.tag) == each.manifest.digest
            ]
            changed = self.mirror.publish((copied,) if copied else (), standing)
        self.changed += changed
