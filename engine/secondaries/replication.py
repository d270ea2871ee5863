"""Replicates changes: copies content to the secondaries before a change, and tags after it."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from engine.domain.artifact import Tag
from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record import PromotionRecord, RegistrySync, RollbackRecord
from engine.domain.result import Result
from engine.domain.scan import document_tags
from engine.ports import Leases, LedgerReader, RegistryReader
from engine.ports.secondary import CopiedArtifact, Mirror, SyncOutcomes, TagCopy
from engine.secondaries.outcomes import NO_COPIES, Copies, failed, synced

_log = logging.getLogger(__name__)
# At most this many missed records are copied with a change; `sync` copies more.
_BACKLOG = 20


class Secondaries(Protocol):
    """The replication of a run. Its failures never fail the run."""

    @property
    def mirrors(self) -> tuple[Mirror, ...]: ...

    def before(self, plan: Plan, look: Callable[[], Plan], *, decided: bool) -> Copies:
        """
        Copy the content of `plan` before its lease is taken. `look` plans again if `plan` has no
        artifact; `decided` means that approvals are not checked here.
        """
        ...

    def after(self, result: Result, copies: Copies) -> Result:
        """Write the tags of `result` on the secondaries; return it with the outcomes."""
        ...

    def standing(self, head: LedgerEntry | None) -> tuple[RegistrySync, ...]:
        """The last known outcomes for the version of the environment of `head`."""
        ...

    def note(self, head: LedgerEntry | None, outcomes: Sequence[RegistrySync]) -> None:
        """Store outcomes for the version of the environment of `head`."""
        ...


class NoSecondaries:
    """Implements `Secondaries` without configured secondaries."""

    mirrors: tuple[Mirror, ...] = ()

    def before(
        self,
        plan: Plan,  # noqa: ARG002 - the protocol's shape
        look: Callable[[], Plan],  # noqa: ARG002
        *,
        decided: bool,  # noqa: ARG002
    ) -> Copies:
        return NO_COPIES

    def after(self, result: Result, copies: Copies) -> Result:  # noqa: ARG002
        return result

    def standing(self, head: LedgerEntry | None) -> tuple[RegistrySync, ...]:  # noqa: ARG002
        return ()

    def note(self, head: LedgerEntry | None, outcomes: Sequence[RegistrySync]) -> None: ...


NO_SECONDARIES = NoSecondaries()


@dataclass(frozen=True)
class MirroredSecondaries:
    """
    The mirrors of one primary, written in parallel. A failure of a mirror is an outcome and never
    an error: the primary is the system of record (FR-030).
    """

    mirrors: tuple[Mirror, ...]
    registry: RegistryReader
    ledger: LedgerReader
    leases: Leases
    kept: SyncOutcomes

    def before(self, plan: Plan, look: Callable[[], Plan], *, decided: bool) -> Copies:
        if plan.action not in (Action.PROMOTE, Action.ROLLBACK):
            return NO_COPIES
        seen = plan if plan.manifest else look()
        waits = seen.approvals_missing and not decided
        if seen.error or waits or seen.manifest is None or seen.effect is Effect.NOTHING:
            return NO_COPIES
        return self.prepare(seen.manifest)

    def after(self, result: Result, copies: Copies) -> Result:
        if result.error or result.entry is None or not copies.outcomes:
            return result
        # Stored first, so that a killed process does not leave a successful outcome.
        self.note(result.entry, [_interrupted(each) for each in copies.outcomes])
        shown = self.follow(copies, result.entry, _tags_of(result))
        self.note(result.entry, shown.outcomes)
        warnings = (*result.warnings, *shown.warnings)
        return replace(result, warnings=warnings, registry_sync=shown.outcomes)

    def standing(self, head: LedgerEntry | None) -> tuple[RegistrySync, ...]:
        if head is None or head.state.record is None or head.state.sequence is None:
            return ()
        known = self.kept.known(head.environment, head.state.record)
        if not known:
            known = _recorded(self.ledger.entry(head, head.state.sequence))
        said = {each.registry: each for each in known}
        return tuple(said.get(m.reference) or _untouched(m) for m in self.mirrors)

    def note(self, head: LedgerEntry | None, outcomes: Sequence[RegistrySync]) -> None:
        if head is not None and head.state.record is not None:
            self.kept.note(head.environment, head.state.record, outcomes)

    def prepare(self, manifest: Manifest) -> Copies:
        """Copy `manifest` and everything that belongs to it, without tags."""
        copied: dict[str, CopiedArtifact] = {}

        def copy(mirror: Mirror) -> RegistrySync:
            found = copied[mirror.reference] = mirror.copy(manifest)
            return synced(mirror.reference, found.root)

        return Copies(side_by_side(copy, self.mirrors), copied)

    def follow(self, copies: Copies, entry: LedgerEntry, writes: tuple[TagWrite, ...]) -> Copies:
        """Write the records and tags of the committed `entry` on the secondaries."""
        ready = [mirror for mirror in self.mirrors if mirror.reference in copies.copied]

        def publish(mirror: Mirror) -> RegistrySync:
            copied = copies.copied[mirror.reference]
            with self.leases.hold(lease_of(mirror)):
                self._publish(mirror, copied, entry, writes)
            _log.info("replicated %s of %s to %s", copied.root, entry.environment, mirror.reference)
            return synced(mirror.reference, copied.root)

        after = {each.registry: each for each in side_by_side(publish, ready)}
        return Copies(tuple(after.get(each.registry, each) for each in copies.outcomes), {})

    def _publish(
        self,
        mirror: Mirror,
        copied: CopiedArtifact,
        entry: LedgerEntry,
        writes: tuple[TagWrite, ...],
    ) -> None:
        """Publish as the primary did: immutable tags, documents, records, head, mutable tags."""
        head = TagCopy(self.ledger.tag(entry.environment, None), entry.manifest, immutable=False)
        leads = self.registry.resolve(head.tag) == entry.digest
        missed = self._missed(mirror, entry) if leads else [entry]
        entries = missed or [entry]
        documents = self._missed_documents(mirror, entries)
        copies = [*documents.values(), *(each.manifest for each in entries)]
        records = [mirror.copy(each) for each in copies]
        tags = [
            *(TagCopy(w.tag, w.manifest, immutable=True) for w in writes if w.immutable),
            *(TagCopy(tag, each, immutable=True) for tag, each in documents.items()),
            *(self._place(each) for each in reversed(entries)),
            *((head,) if missed else ()),
            *(TagCopy(w.tag, w.manifest, immutable=False) for w in writes if not w.immutable),
        ]
        mirror.publish((copied, *records), self._standing(tags))
        if not missed:
            raise PromotionError(
                f"its ledger lacks more than {_BACKLOG} records before this one, so the ledger "
                "head there does not move: run `floe platform sync`"
            )

    def _standing(self, tags: list[TagCopy]) -> Iterator[TagCopy]:
        """
        Yield `tags` without those that moved on the primary since: the run that moved them
        replicates them later, under the same lease.
        """
        for each in tags:
            if each.immutable or self.registry.resolve(each.tag) == each.manifest.digest:
                yield each

    def _missed(self, mirror: Mirror, entry: LedgerEntry) -> list[LedgerEntry]:
        """
        `entry` and the entries before it that the mirror lacks, newest first. Empty if they are
        more than _BACKLOG: the head moves only if the chain is complete.
        """
        there = mirror.resolve(self.ledger.tag(entry.environment, None))
        missed = [entry]
        # The mirror has all records up to its head, or the head would not have moved.
        while missed[-1].previous and missed[-1].previous != there != entry.digest:
            if len(missed) > _BACKLOG:
                return []
            missed.append(self.ledger.entry(entry, missed[-1].previous_sequence))
        return missed

    def _missed_documents(
        self, mirror: Mirror, entries: Sequence[LedgerEntry]
    ) -> dict[Tag, Manifest]:
        """The policies and findings of `entries` that the mirror lacks."""
        tags = {tag for each in entries for tag in document_tags(each.record)}
        missed = {tag: self.registry.fetch(tag) for tag in tags if mirror.resolve(tag) is None}
        return {tag: manifest for tag, manifest in missed.items() if manifest is not None}

    def _place(self, entry: LedgerEntry) -> TagCopy:
        tag = self.ledger.tag(entry.environment, entry.sequence)
        return TagCopy(tag, entry.manifest, immutable=True)


def _recorded(entry: LedgerEntry) -> tuple[RegistrySync, ...]:
    record = entry.record
    return record.registry_sync if isinstance(record, PromotionRecord | RollbackRecord) else ()


def _tags_of(result: Result) -> tuple[TagWrite, ...]:
    """The tags written by the run, with the artifact's own tag also if it existed before."""
    record, manifest, writes = result.record, result.plan.manifest, result.plan.writes
    if manifest is None or not isinstance(record, PromotionRecord | RollbackRecord):
        return writes
    own = TagWrite(Tag(record.artifact_tag), manifest, immutable=True)
    return (own, *(write for write in writes if write.tag != own.tag))


def _interrupted(outcome: RegistrySync) -> RegistrySync:
    if outcome.status == "failed":
        return outcome
    return failed(
        outcome.registry,
        PromotionError("interrupted before its tags were copied: run `floe platform sync`"),
    )


def _untouched(mirror: Mirror) -> RegistrySync:
    return failed(
        mirror.reference, PromotionError("nothing was copied to it yet: run `floe platform sync`")
    )


def side_by_side(
    work: Callable[[Mirror], RegistrySync], mirrors: Sequence[Mirror]
) -> tuple[RegistrySync, ...]:
    """Run `work` for every mirror in parallel; errors become outcomes."""
    if not mirrors:
        return ()

    def outcome(mirror: Mirror) -> RegistrySync:
        try:
            return work(mirror)
        except PromotionError as error:
            _log.warning("secondary %s: %s", mirror.reference, error)
            return failed(mirror.reference, error)

    pool = ThreadPoolExecutor(len(mirrors), thread_name_prefix="floe-secondary")
    try:
        return tuple(pool.map(outcome, mirrors))
    finally:
        # Ctrl-C does not wait for running copies.
        pool.shutdown(wait=False, cancel_futures=True)


def lease_of(mirror: Mirror) -> str:
    """The lease for writing tags on `mirror`; unlike environment names it has a dot."""
    return f"secondary.{hashlib.sha256(mirror.reference.encode()).hexdigest()[:12]}"
