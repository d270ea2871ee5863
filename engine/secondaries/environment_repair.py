"""Repairs one environment of one secondary registry."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from engine.domain.artifact import Digest, Tag
from engine.domain.environment import Environment
from engine.domain.errors import (
    ConflictError,
    ContentMissingError,
    PromotionError,
    RegistryAnswerError,
    RegistryUnavailableError,
)
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.mirroring import EnvironmentSync
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.scan import document_tags
from engine.ports import Leases, LedgerReader, Progress, RegistryReader
from engine.ports.secondary import CopiedArtifact, Mirror, TagCopy
from engine.secondaries.replication import lease_of


@dataclass
class EnvironmentRepair:
    """
    The repair of one environment of one mirror. A tag moves only after its content was copied:
    `latest` needs its artifact; the ledger head needs all records and the artifact of `latest`.
    `gone` is the error of a mirror that stopped answering, `busy` that of a mirror whose lease
    another process holds, which is waited for once.
    """

    registry: RegistryReader
    ledger: LedgerReader
    leases: Leases
    mirror: Mirror
    environment: Environment
    progress: Progress
    head: LedgerEntry | None = None
    gone: PromotionError | None = None
    busy: ConflictError | None = None
    changed: list[str] = field(default_factory=list)
    errors: list[PromotionError] = field(default_factory=list)
    sent: int = 0
    copied: dict[Digest, CopiedArtifact] = field(default_factory=dict)
    refused: dict[Digest, PromotionError] = field(default_factory=dict)
    documents: set[Tag] = field(default_factory=set)

    def row(self) -> EnvironmentSync:
        return EnvironmentSync(
            self.mirror.reference,
            self.environment.name,
            tuple(self.changed),
            self.sent,
            tuple(self.errors),
            self.head.state.record if self.head else None,
        )

    def run(self, builds: Sequence[Tag] = ()) -> None:
        """Copy everything possible, and the tags of `builds`; failures are added to `errors`."""
        try:
            self._copy_all()
            for tag in builds:
                self._attempt(partial(self._copy_build, tag))
        except PromotionError as error:
            self._note(error)

    def _copy_all(self) -> None:
        recorded = True
        with closing(self.ledger.walk(self.environment.name)) as entries:
            for entry in entries:
                if self.head is None:
                    self.head = entry
                    self._check_answers()
                self._show(entry, self.head)
                self._attempt(partial(self._copy_artifact, entry))
                if entry is not self.head:
                    recorded = self._attempt(partial(self._copy_record, entry)) and recorded
        if self.head is not None:
            self._move_pointers(self.head, recorded)

    def _show(self, entry: LedgerEntry, head: LedgerEntry) -> None:
        text = f"{self.mirror.reference}: {entry.environment}"
        done = head.sequence - entry.sequence
        self.progress.advance(text, done, head.sequence, "entries")

    def _move_pointers(self, head: LedgerEntry, recorded: bool) -> None:
        digest = Digest(head.state.digest) if head.state.digest else None
        running = digest is None or self._attempt(partial(self._copy_digest, digest))
        # The newest entry ends the ledger there, so it waits for the content.
        if recorded and running and self._attempt(partial(self._copy_record, head)):
            self._attempt(partial(self._publish, self._head_tag, head.manifest, immutable=False))
        else:
            self._note(_kept(self.mirror, self._head_tag))
        if digest is None:
            return
        latest = self.environment.latest
        if running:
            self._attempt(lambda: self._publish(latest, self._fetch(digest), immutable=False))
        else:
            self._note(_kept(self.mirror, latest))

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Run `work`; note its error and return False if it fails; raise if the mirror is gone."""
        try:
            work()
        except PromotionError as error:
            self._note(error)
            if isinstance(error, RegistryUnavailableError):
                self._check_answers()
            return False
        return True

    def _check_answers(self) -> None:
        """Send a small request to the mirror, and raise its error if it does not answer."""
        try:
            self.mirror.resolve(self._head_tag)
        except PromotionError as error:
            self.gone = error if isinstance(error, RegistryUnavailableError) else None
            raise

    def _note(self, error: PromotionError) -> None:
        if error not in self.errors:
            self.errors.append(error)

    def _copy_artifact(self, entry: LedgerEntry) -> None:
        record = entry.record
        if not isinstance(record, PromotionRecord | RollbackRecord):
            return
        tag, digest = Tag(record.artifact_tag), Digest(record.artifact_digest)
        if self.registry.resolve(tag) != digest:
            raise RegistryAnswerError(
                f"tag '{tag}' of the primary does not match its record, so it is not copied: "
                f"run floe platform audit verify --env {entry.environment}"
            )
        manifest = self._fetch(digest)
        self._copy(manifest)
        self._publish(tag, manifest, immutable=True)

    def _copy_record(self, entry: LedgerEntry) -> None:
        for document in document_tags(entry.record):
            self._copy_document(document)
        tag = self.ledger.tag(entry.environment, entry.sequence)
        if self.mirror.resolve(tag) != entry.digest:
            self._copy(entry.manifest)
            self._publish(tag, entry.manifest, immutable=True)

    def _copy_document(self, tag: Tag) -> None:
        """Copy the policy or the findings of a record once; the audit reports a lost policy."""
        if tag in self.documents:
            return
        manifest = self.registry.fetch(tag)
        if manifest is not None and self.mirror.resolve(tag) != manifest.digest:
            self._copy(manifest)
            self._publish(tag, manifest, immutable=True)
        self.documents.add(tag)

    def _copy_build(self, tag: Tag) -> None:
        manifest = self.registry.fetch(tag)
        # A build that was removed since the tags were listed is missing nowhere.
        if manifest is not None:
            self._copy(manifest)
            self._publish(tag, manifest, immutable=True)

    def _copy_digest(self, digest: Digest) -> None:
        self._copy(self._fetch(digest))

    def _fetch(self, digest: Digest) -> Manifest:
        manifest = self.registry.fetch(digest)
        if manifest is None:
            raise ContentMissingError(
                f"{self.registry.reference} does not have {digest}, which has a record: "
                "push it again"
            )
        return manifest

    def _copy(self, manifest: Manifest) -> None:
        """Copy `manifest` once; content that the mirror refused is not sent again."""
        digest = manifest.digest
        if digest in self.refused:
            raise self.refused[digest]
        if digest in self.copied:
            return
        try:
            self.copied[digest] = self.mirror.copy(manifest, deep=True)
        except PromotionError as error:
            self.refused[digest] = error
            raise
        self.sent += self.copied[digest].sent

    def _publish(self, tag: Tag, manifest: Manifest, *, immutable: bool) -> None:
        """Write `tag` under the lease; a mutable one only if the primary still has the same."""
        copied = self.copied.get(manifest.digest)
        if self.busy is not None:
            raise self.busy
        try:
            with self.leases.hold(lease_of(self.mirror)):
                if not immutable and self.registry.resolve(tag) != manifest.digest:
                    return
                wanted = [TagCopy(tag, manifest, immutable=immutable)]
                self.changed += self.mirror.publish((copied,) if copied else (), wanted)
        except ConflictError as error:
            self.busy = error
            raise

    @property
    def _head_tag(self) -> Tag:
        return self.ledger.tag(self.environment.name, None)


def _kept(mirror: Mirror, tag: Tag) -> RegistryAnswerError:
    return RegistryAnswerError(
        f"tag '{tag}' of {mirror.reference} is not moved, because its content is incomplete: "
        "repair the errors above, then run floe platform sync again"
    )
