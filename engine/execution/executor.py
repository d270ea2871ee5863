"""Write tags and records. The only module that writes to the registry and the ledger."""

import logging
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from dataclasses import dataclass

from engine.domain.errors import ConflictError, PromotionError, RegistryAnswerError
from engine.domain.ledger import LedgerEntry, draft_after
from engine.domain.manifest import Descriptor
from engine.domain.plan import TagWrite
from engine.domain.record import AnyRecord
from engine.domain.text import printable
from engine.ports import Leases, Ledger, Registry, Upload
from engine.ports.audit_backend import AuditBackendPlugin
from engine.ports.state import REFERRERS_LEASE
from engine.ports.webhooks import NO_WEBHOOKS, WebhookSender

_log = logging.getLogger(__name__)

Writes = tuple[TagWrite, ...]


@dataclass(frozen=True)
class Executor:
    """
    Writes in the one order in which a crash is harmless: immutable tag, audit backend, record,
    ledger head (the commit), then `latest`. The caller holds the lease of the environment.
    """

    registry: Registry
    ledger: Ledger
    leases: Leases
    pool: Pool
    audit_backend: AuditBackendPlugin | None = None
    webhook_sender: WebhookSender = NO_WEBHOOKS

    def change(
        self,
        writes: Writes,
        record: AnyRecord,
        subject: Descriptor | None,
        head: LedgerEntry | None,
        upload: Future[Upload],
    ) -> LedgerEntry:
        """Execute `writes` and record them after `head`; returns the committed entry."""
        backend = self.audit_backend
        if backend is not None and backend.keeps(record.kind):
            record = record.model_copy(update={"copied_to": backend.place})
        # If the registry refused the upload, no tag is written, so nothing is left behind.
        opened = upload.result()
        blob = self.pool.submit(opened.finish, record.to_bytes())
        immutable = [write for write in writes if write.immutable]
        for write in immutable:
            self.registry.put(write.manifest, write.tag)
        blob.result()
        if backend is not None:
            # Stored before the change takes effect, so that the audit backend never lacks a change.
            backend.append(record)
        # A staged record does not count yet, so it is written in parallel to the read-back.
        seen = [self.pool.submit(self._read_back, write) for write in immutable]
        entry = self.ledger.stage(draft_after(head, record, subject))
        for reading in seen:
            reading.result()
        return self.commit(entry, writes)

    def commit(self, entry: LedgerEntry, writes: Writes) -> LedgerEntry:
        """Commit a staged `entry`, then move `latest`."""
        self.ledger.commit(entry)
        # After the head is written: docker-registry does not see a manifest while it is being
        # tagged, and then refuses an index that lists it.
        listed = self.pool.submit(self._attach, entry)
        self.ledger.confirm(entry)
        record = entry.record
        _log.info(
            "recorded %s %s in %s: %s by %s",
            record.kind,
            record.id,
            entry.environment,
            record.subject_digest or "no artifact",
            printable(record.operator),
        )
        # Sent before `latest` moves: a run that dies in between is completed, and then sends.
        self.webhook_sender.enqueue(record)
        self._follow(writes, entry)
        listed.result()
        return entry

    def complete(self, entry: LedgerEntry | None, writes: Writes) -> None:
        """Complete an interrupted run that committed `entry`."""
        listed = self.pool.submit(self._attach, entry) if entry else None
        if entry and writes:
            # A delivery has a stable ID, so a receiver ignores the second one.
            self.webhook_sender.enqueue(entry.record)
        self._follow(writes)
        if listed:
            listed.result()

    def _follow(self, writes: Writes, committed: LedgerEntry | None = None) -> None:
        """Move the mutable tags of `writes`, which deployments follow, while `committed` counts."""
        for write in writes:
            if not write.immutable:
                self.registry.put(write.manifest, write.tag)
                checking = self.pool.submit(self._check_committed, committed)
                self._read_back(write)
                checking.result()
                _log.info("moved %s to %s", write.tag, write.digest)

    def _check_committed(self, entry: LedgerEntry | None) -> None:
        """Raise ConflictError if a writer without the lease replaced the entry."""
        if entry is None:
            return
        head = self.ledger.head(entry.environment)
        if head is not None and head.sequence >= entry.sequence:
            linked = head if head.sequence == entry.sequence else None
            if (linked or self.ledger.entry(head, entry.sequence)).digest == entry.digest:
                return
        raise ConflictError(
            f"Record {entry.sequence} of '{entry.environment}' was replaced by another writer at "
            f"the same time, so this {entry.record.kind} is not on the ledger. Let one machine "
            f"write, then see where it stands: floe platform status --env {entry.environment}",
            {"expected": str(entry.digest), "found": str(head.digest) if head else None},
        )

    def _attach(self, entry: LedgerEntry) -> None:
        try:
            with self.leases.hold(REFERRERS_LEASE):
                self.ledger.attach(entry)
        except PromotionError as error:
            # The change is made and recorded; readers follow the chain if the record is not listed.
            _log.warning("record %s not listed as a referrer: %s", entry.record.id, error)

    def _read_back(self, write: TagWrite) -> None:
        found = self.registry.resolve(write.tag)
        if found != write.digest:
            raise RegistryAnswerError(
                f"{self.registry.reference} took tag '{write.tag}' for {write.digest.short} and "
                f"now says it is {found.short if found else 'not there'}: the change did not "
                "succeed. Run the same command again once the registry is sound",
                {"tag": str(write.tag), "expected": str(write.digest), "found": str(found)},
            )
