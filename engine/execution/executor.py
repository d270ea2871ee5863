"""Write tags and records. The only module that writes to the registry and the ledger."""

import logging
from collections.abc import Collection
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from engine.audit.policies import store_document, store_policy
from engine.domain.artifact import Digest
from engine.domain.environment import Environment
from engine.domain.errors import (
    PromotionError,
    RegistryAccessError,
    RegistryAnswerError,
    RegistryRefusalError,
    UnavailableError,
)
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry
from engine.domain.manifest import Descriptor
from engine.domain.plan import TagWrite
from engine.domain.policy_document import PolicyDocument
from engine.domain.record import AnyRecord
from engine.domain.scan import FINDINGS_TYPE, findings_tag
from engine.domain.state import EMPTY
from engine.domain.status import EnvironmentStatus
from engine.domain.text import printable
from engine.execution.listing import start_listing
from engine.ports import EntryClaims, Leases, Ledger, Registry, Upload
from engine.ports.audit_backend import AuditBackendPlugin
from engine.ports.registry import at_once
from engine.ports.state import NO_CLAIMS
from engine.ports.webhooks import NO_WEBHOOKS, WebhookSender

_log = logging.getLogger(__name__)

Writes = tuple[TagWrite, ...]


@dataclass(frozen=True)
class Executor:
    """
    Writes in the one order in which a crash is harmless: immutable tag, audit backend, the claim of
    the entry in a shared database, the tag of the entry (the commit), then the head hint and
    `latest`. The caller holds the lease of the environment. With `background`, the list of
    referrers is read back after the change ended.
    """

    registry: Registry
    ledger: Ledger
    leases: Leases
    pool: Pool
    policy: PolicyDocument
    audit_backend: AuditBackendPlugin | None = None
    webhook_sender: WebhookSender = NO_WEBHOOKS
    claims: EntryClaims = NO_CLAIMS
    background: bool = False

    def change(
        self,
        writes: Writes,
        record: AnyRecord,
        subject: Descriptor | None,
        end: ChainEnd,
        upload: Future[Upload],
        scan: bytes | None = None,
    ) -> LedgerEntry:
        """Execute `writes`, keep the findings `scan`, and record them; returns the entry."""
        record = self._with_places(record, end)
        preparing = self.pool.submit(self.ledger.prepare, end, record, subject)
        # Before the first write: a key that cannot sign, or a refused upload, changes nothing.
        content = preparing.result()[1] if self.ledger.signs else record.to_bytes()
        opened = upload.result()
        blob = self.pool.submit(opened.finish, content)
        stored = self._store_documents(record, scan, end)
        immutable = [write for write in writes if write.immutable]
        for write in immutable:
            self.registry.put(write.manifest, write.tag)
        entry = preparing.result()[0]
        for storing in (blob, *stored):
            storing.result()
        if self.audit_backend is not None:
            # Stored before the change takes effect, so that the audit backend never lacks a change.
            self.audit_backend.append(record)
        self.claims.claim(entry)
        self._create(entry)
        seen = [self.pool.submit(self._read_back, write) for write in immutable]
        newest = self._confirm(entry, end)
        for reading in seen:
            reading.result()
        _log_recorded(entry)
        # Sent before `latest` moves: a run that dies in between is completed, and then sends.
        self.webhook_sender.enqueue(record, entry.anchor)
        self._follow_claimed(newest, entry, writes)
        if not writes:
            # A lock has no `latest` to read back, and must not be lost once it is confirmed.
            self._confirm(entry, end)
        return entry

    def _create(self, entry: LedgerEntry) -> None:
        try:
            self.ledger.create(entry)
        except UnavailableError as error:
            if self.claims is NO_CLAIMS or self.withdraw(entry, error):
                raise
            raise type(error)(
                f"{error}. This {entry.record.kind} is claimed as entry {entry.sequence}, and the "
                "next command or a server may still complete it. Check the state before you repeat "
                f"the command: floe platform status --env {entry.environment}",
                error.details,
            ) from error

    def withdraw(self, entry: LedgerEntry, error: UnavailableError) -> bool:
        """
        Remove the claim of `entry` if the registry refused its tag with `error`.

        False if the tag may exist, or may be created later; then the claim stays.
        """
        if not _is_refused(error):
            return False
        try:
            if self.registry.resolve(self.ledger.tag(entry.environment, entry.sequence)):
                return False
            self.claims.release(EntryClaim(entry.environment, entry.sequence, entry.manifest))
        except PromotionError as problem:
            _log.warning("the claim of entry %s was not removed: %s", entry.anchor, problem)
            return False
        _log.warning("removed the claim of entry %s: %s", entry.anchor, error)
        return True

    def _follow_claimed(self, newest: LedgerEntry, entry: LedgerEntry, writes: Writes) -> None:
        try:
            self._follow(newest, entry, writes)
        except RegistryAnswerError:
            # Another writer may have moved `latest` on, which is no fault of the registry.
            self._check_claim(entry)
            raise

    def _confirm(self, entry: LedgerEntry, end: ChainEnd) -> LedgerEntry:
        """Read back `entry`; returns the newest entry, as `Ledger.confirm` does."""
        newest = self.ledger.confirm(entry, end)
        # Asked last: this process may have been suspended before its reads were answered.
        return self._check_claim(entry) or newest

    def _check_claim(self, entry: LedgerEntry) -> LedgerEntry | None:
        """
        Return the newest entry if another writer claimed one after `entry`, else None.
        ConflictError if it is another change.
        """
        return None if self.claims.is_newest(entry) else self.ledger.recheck(entry)

    def finish(self, entry: LedgerEntry) -> None:
        """
        End the claim of `entry`. ConflictError if another change followed it: `latest` may have
        been moved after that one.
        """
        try:
            newest = self.claims.finish(entry)
        except PromotionError as error:
            _log.warning("the claim of entry %s was not ended: %s", entry.anchor, error)
            return
        if not newest:
            self.ledger.point_head(self.ledger.recheck(entry))

    def _store_documents(
        self, record: AnyRecord, scan: bytes | None, end: ChainEnd
    ) -> list[Future[Any]]:
        """
        Store the policy and the findings `scan` that `record` names. The entry before proves that
        an equal policy is stored.
        """
        stored: list[Future[Any]] = []
        tag = findings_tag(record)
        if self.policy.digest != (end.head.record.policy_digest if end.head else None):
            stored.append(self.pool.submit(store_policy, self.registry, self.policy))
        if scan is not None and tag is not None:
            stored.append(self.pool.submit(store_document, self.registry, scan, FINDINGS_TYPE, tag))
        return stored

    def _with_places(self, record: AnyRecord, end: ChainEnd) -> AnyRecord:
        """
        `record` with its repository and its audit backend.

        ValueError if it names another policy than that of this engine, which is the one to store.
        """
        if record.policy_digest != self.policy.digest:
            raise ValueError(
                f"record {record.id} names the policy {record.policy_digest}, and this engine has "
                f"{self.policy.digest}"
            )
        # A ledger that was copied to another repository continues under its first name.
        named = end.head.record.repository if end.head else None
        places: dict[str, str] = {"repository": named or self.registry.reference}
        if self.audit_backend is not None and self.audit_backend.keeps(record.kind):
            places["copied_to"] = self.audit_backend.place
        return record.model_copy(update=places)

    def complete(self, end: ChainEnd, entry: LedgerEntry | None, writes: Writes) -> None:
        """Complete a run that committed `entry`, in a ledger that ends with `end`."""
        if entry and writes:
            # A delivery has a stable ID, so a receiver ignores the second one.
            self.webhook_sender.enqueue(entry.record, entry.anchor)
        for write in writes:
            # A registry may have lost a tag that it accepted before the entry was created.
            if write.immutable and self.registry.resolve(write.tag) is None:
                self.registry.put(write.manifest, write.tag)
                self._read_back(write)
        self._follow(None if end.hinted else end.head, entry, writes)

    def settle(self, place: Environment, end: ChainEnd, late: Collection[str] = ()) -> bool:
        """
        Complete the newest change of `place`, whose ledger ends with `end`, if its run was
        interrupted, or if a writer moved `latest` to one of the `late` digests after it.

        Returns whether `latest` moved; one that was moved outside floe stays.
        """
        head = end.head
        state = head.state if head else EMPTY
        latest = self.registry.resolve(place.latest)
        status = EnvironmentStatus(place.name, state, latest, None)
        digest = state.digest if status.lags(late) else None
        if end.hinted and digest is None:
            return False
        manifest = self.registry.fetch(Digest(digest)) if digest else None
        if digest and manifest is None:
            _log.warning("%s, which %s should run, is not in the registry", digest, place.name)
        if head is None or state.sequence is None or manifest is None:
            self.complete(end, head, ())
            return False
        committed = self.ledger.entry(head, state.sequence)
        self.complete(end, committed, (TagWrite(place.latest, manifest, immutable=False),))
        why = "moved late by a suspended writer" if status.drifted else "its run was interrupted"
        _log.warning("completed %s %s: %s", place.name, state.version, why)
        return True

    def _follow(
        self, newest: LedgerEntry | None, entry: LedgerEntry | None, writes: Writes
    ) -> None:
        """Point the hint to `newest`, list `entry` as a referrer, and move the mutable tags."""
        hint = self.pool.submit(self.ledger.point_head, newest) if newest else None
        # docker-registry does not see a manifest while it is being tagged again, and then refuses
        # an index that lists it.
        ready = hint.result if hint else at_once
        places = (self.pool, self.leases, self.ledger)
        listed = start_listing(*places, entry, ready, self.background) if entry else None
        for write in writes:
            if not write.immutable:
                self.registry.put(write.manifest, write.tag)
                if hint:
                    hint.result()
                self._read_back(write)
                _log.info("moved %s to %s", write.tag, write.digest)
        if hint:
            hint.result()
        if listed:
            listed()

    def _read_back(self, write: TagWrite) -> None:
        found = self.registry.resolve(write.tag)
        if found != write.digest:
            raise RegistryAnswerError(
                f"{self.registry.reference} took tag '{write.tag}' for {write.digest.short} and "
                f"now says it is {found.short if found else 'not there'}: the change did not "
                "succeed. Run the same command again once the registry is sound",
                {"tag": str(write.tag), "expected": str(write.digest), "found": str(found)},
            )


def _is_refused(error: UnavailableError) -> bool:
    """Whether the registry refused a request. After a 5xx it may still execute it."""
    if isinstance(error, RegistryRefusalError):
        # An answer that was not understood has no status here, and may be a success.
        return str(error.details.get("status")).startswith("4")
    return isinstance(error, RegistryAccessError)


def _log_recorded(entry: LedgerEntry) -> None:
    record = entry.record
    _log.info(
        "recorded %s %s in %s: %s by %s",
        record.kind,
        record.id,
        entry.environment,
        record.subject_digest or "no artifact",
        printable(record.operator),
    )
