"""Reads and extends the ledgers in a registry."""

import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from engine.adapters.ledger.claims import Claims, claims
from engine.adapters.ledger.encoding import (
    artifact_type,
    decode,
    encode,
    head_tag,
    is_shortened,
    read_sequence_tag,
    sequence_tag,
)
from engine.adapters.ledger.inspection import inspect
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import InspectedEntry
from engine.domain.errors import ConflictError, LedgerUnreadableError, RegistryAnswerError
from engine.domain.ledger import LedgerDraft, LedgerEntry, next_hop
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.record import (
    AnyRecord,
    PromotionRecord,
    RollbackRecord,
    record_from_bytes,
)
from engine.ports import Registry, RegistryReader

_log = logging.getLogger(__name__)

# A record has a few KiB, more with scans of thousands of findings.
MAX_RECORD_BYTES = 16 * 1024 * 1024
# How many entries are read when no referrer leads to the wanted one: another tool may have lost
# it in the referrers tag, which cannot be updated atomically.
_WALK = 200
_PARALLEL = 8


class RegistryLedgerReader:
    """Implements `engine.ports.LedgerReader`."""

    def __init__(self, registry: RegistryReader) -> None:
        self._reader = registry

    def head(self, environment: str) -> LedgerEntry | None:
        return self._read(head_tag(environment), environment)

    def read_staged(self, environment: str, sequence: int) -> LedgerEntry | None:
        return self._read(sequence_tag(environment, sequence), environment)

    def history(
        self, environment: str, limit: int, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        newest = self.head(environment)
        if newest is not None and before is not None and before <= newest.sequence:
            newest = self._reach(newest, before - 1) if before > 1 else None
        return tuple(self._walk(newest, limit)) if newest else ()

    def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        return self._reach(head, sequence)

    def find_promotion(
        self, head: LedgerEntry, digest: Digest, version: str | None = None
    ) -> LedgerEntry | None:
        if head.state.digest == str(digest) and head.state.sequence:
            newest = self._reach(head, head.state.sequence)
            if _promotes(newest, digest, version):
                return newest
        found = self._claims(digest, "promotion", head.environment)
        reached = head
        for candidate in self._candidates(found, head, version):
            # Continue from the last one reached, so that fake entries do not multiply the cost.
            reached = self._reach(reached, candidate.sequence)
            if reached.digest == candidate.digest:
                return candidate
        walked = self._walk(head, _WALK)
        entry = next((entry for entry in walked if _promotes(entry, digest, version)), None)
        if entry is None and found.left_out and head.sequence > _WALK:
            raise found.unknown()
        return entry

    def find_arrival(self, head: LedgerEntry, version: Version) -> LedgerEntry | None:
        state = head.state
        if not state.may_have_had(version):
            return None
        if state.version == str(version) and state.sequence:
            return self._reach(head, state.sequence)
        return self.find_newest(
            head,
            lambda record: (
                isinstance(record, PromotionRecord | RollbackRecord)
                and record.version == str(version)
            ),
        )

    def find_newest(
        self, head: LedgerEntry, wanted: Callable[[AnyRecord], bool]
    ) -> LedgerEntry | None:
        walked = self._walk(head, head.sequence)
        return next((entry for entry in walked if wanted(entry.record)), None)

    def list_attached(self, digest: Digest, kind: str, environment: str) -> tuple[LedgerEntry, ...]:
        found = self._claims(digest, kind, environment)
        if found.left_out:
            raise found.unknown()
        return self._entries(found)

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        newest = self.head(environment)
        if newest is not None:
            yield from self._walk(newest, newest.sequence)

    def parse_tag(self, tag: Tag) -> tuple[str, int] | None:
        return read_sequence_tag(tag)

    def tag(self, environment: str, sequence: int | None) -> Tag:
        return head_tag(environment) if sequence is None else sequence_tag(environment, sequence)

    def inspect_tag(self, environment: str, sequence: int | None) -> InspectedEntry | None:
        tag = self.tag(environment, sequence)
        return inspect(self._reader, environment, tag, MAX_RECORD_BYTES)

    def inspect_digest(self, environment: str, digest: Digest) -> InspectedEntry | None:
        return inspect(self._reader, environment, digest, MAX_RECORD_BYTES)

    def _claims(self, digest: Digest, kind: str, environment: str) -> Claims:
        listed = self._reader.referrers(digest, artifact_type(kind))
        return claims(listed, digest, kind, environment)

    def _entries(self, found: Claims) -> tuple[LedgerEntry, ...]:
        """Read `found`; referrers that are not entries of its artifact are left out."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            entries = tuple(pool.map(self._referring_entry, found.read))
        return tuple(
            entry
            for entry in entries
            if entry
            and entry.environment == found.environment
            and entry.record.subject_digest == str(found.digest)
        )

    def _candidates(
        self, found: Claims, head: LedgerEntry, version: str | None
    ) -> list[LedgerEntry]:
        """Promotions in `found` that may be ancestors of `head`, newest first."""
        possible = [
            entry
            for entry in self._entries(found)
            if entry.sequence <= head.sequence and _promotes(entry, found.digest, version)
        ]
        return sorted(possible, key=lambda entry: entry.sequence, reverse=True)

    def _referring_entry(self, referrer: Descriptor) -> LedgerEntry | None:
        """The entry behind `referrer`; None if it is not an entry (everyone can attach those)."""
        try:
            manifest = self._reader.fetch(Digest(referrer.digest))
            return self._entry(manifest) if manifest else None
        except (ValueError, RegistryAnswerError):
            return None

    def _reach(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """Follow the links from `head` to the committed entry at `sequence`."""
        entry = head
        while entry.sequence != sequence:
            try:
                hop = next_hop(entry, sequence)
            except ValueError as error:
                raise _corrupt(
                    head.environment, f"entry {entry.sequence} does not link to an earlier entry"
                ) from error
            found = self._read(entry.ancestors[hop], head.environment)
            if found is None or found.sequence != hop:
                raise _corrupt(
                    head.environment,
                    f"entry {hop} is missing or does not match its link from {entry.sequence}",
                )
            entry = found
        return entry

    def _walk(self, newest: LedgerEntry, limit: int) -> Iterator[LedgerEntry]:
        """
        Yield `newest` and the entries before it.

        They are fetched in parallel by their sequence tags; each must match the link of its
        successor.
        """
        yield newest
        last = max(newest.sequence - limit, 0)
        tags = [sequence_tag(newest.environment, s) for s in range(newest.sequence - 1, last, -1)]
        successor = newest
        with ThreadPoolExecutor(_PARALLEL) as pool:
            # Fetched in portions, so that a caller who stops early causes few requests.
            for start in range(0, len(tags), _PARALLEL * 4):
                portion = tags[start : start + _PARALLEL * 4]
                for manifest in pool.map(self._reader.fetch, portion):
                    successor = self._previous(successor, manifest)
                    yield successor

    def _previous(self, successor: LedgerEntry, tagged: Manifest | None) -> LedgerEntry:
        """The entry before `successor`: `tagged` if the link agrees, else the linked manifest."""
        linked = successor.previous
        if linked is None:
            raise _corrupt(
                successor.environment, f"entry {successor.sequence} has no link to the one before"
            )
        manifest = tagged if tagged and tagged.digest == linked else self._reader.fetch(linked)
        if manifest is None:
            raise _corrupt(successor.environment, f"entry {successor.sequence - 1} is missing")
        return self._decode(manifest, successor.environment)

    def _read(self, reference: Tag | Digest, environment: str) -> LedgerEntry | None:
        manifest = self._reader.fetch(reference)
        return self._decode(manifest, environment) if manifest else None

    def _decode(self, manifest: Manifest, environment: str) -> LedgerEntry:
        try:
            entry = self._entry(manifest)
        except ValueError as error:
            raise LedgerUnreadableError(f"The ledger of '{environment}': {error}") from error
        if entry.environment != environment or entry.record.ledger != environment:
            raise _corrupt(
                environment, f"it contains {manifest.digest.short} of '{entry.environment}'"
            )
        return entry

    def _entry(self, manifest: Manifest) -> LedgerEntry:
        if not is_shortened(manifest):
            return decode(manifest)
        config = manifest.view.config
        if config is None:
            raise ValueError(f"{manifest.digest.short} has no record")
        return decode(
            manifest, record_from_bytes(self._reader.blob(config.digest, MAX_RECORD_BYTES))
        )


class RegistryLedger(RegistryLedgerReader):
    """Implements `engine.ports.Ledger`."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._registry = registry

    def stage(self, draft: LedgerDraft) -> LedgerEntry:
        manifest = encode(draft)
        if is_shortened(manifest):
            _log.warning("the annotations of record %s were shortened", draft.record.id)
        # This tag is not read back, since no decision depends on it: entries are proven by links
        # from the head, which is read back, and an audit reports a wrong sequence tag.
        self._registry.put(manifest, sequence_tag(draft.environment, draft.sequence))
        return decode(manifest, draft.record)

    def commit(self, entry: LedgerEntry) -> None:
        self._registry.put(entry.manifest, head_tag(entry.environment))

    def confirm(self, entry: LedgerEntry) -> None:
        found = self._registry.resolve(head_tag(entry.environment))
        if found != entry.digest:
            raise ConflictError(
                f"The ledger of '{entry.environment}' was changed by another writer at the same "
                "time: run the same command again to see the result",
                {"expected": str(entry.digest), "found": str(found)},
            )

    def attach(self, entry: LedgerEntry) -> None:
        view = entry.manifest.view
        if view.subject is None:
            return
        described = entry.manifest.descriptor.model_copy(
            update={"artifact_type": view.artifact_type, "annotations": view.annotations}
        )
        self._registry.attach(Digest(view.subject.digest), described)


def _promotes(entry: LedgerEntry, digest: Digest, version: str | None) -> bool:
    record = entry.record
    return (
        isinstance(record, PromotionRecord)
        and record.artifact_digest == str(digest)
        and version in (None, record.version)
    )


def _corrupt(environment: str, fault: str) -> LedgerUnreadableError:
    return LedgerUnreadableError(
        f"The ledger of '{environment}' is corrupt: {fault}. "
        f"Run: floe platform audit verify --env {environment}"
    )
