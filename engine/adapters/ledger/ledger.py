"""Read and extend the chains of records in a registry."""

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

# A record is a few KiB; scans with thousands of findings make it grow.
MAX_RECORD_BYTES = 16 * 1024 * 1024
# How far back the chain itself is walked when the referrers of an artifact say nothing: another
# tool may have lost our entry in the fallback index, which has no safe concurrent update.
_WALK = 200
_SIDE_BY_SIDE = 8


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
            # From the last one reached, as made-up entries must not cost the whole way each.
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
        return self.find_newest(head, lambda record: _brings(record, str(version)))

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
        """What is read of `found` and is an entry attached to its artifact."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            entries = tuple(pool.map(self._attached, found.read))
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
        """Those that say they are a promotion which `head` may be linked to, newest first."""
        possible = [
            entry
            for entry in self._entries(found)
            if entry.sequence <= head.sequence and _promotes(entry, found.digest, version)
        ]
        return sorted(possible, key=lambda entry: entry.sequence, reverse=True)

    def _attached(self, referrer: Descriptor) -> LedgerEntry | None:
        """A referrer as an entry; None for what is no entry of ours, which anybody may attach."""
        try:
            manifest = self._reader.fetch(Digest(referrer.digest))
            return self._entry(manifest) if manifest else None
        except (ValueError, RegistryAnswerError):
            return None

    def _reach(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """The entry at `sequence`, following the links from `head`: what is committed there."""
        entry = head
        while entry.sequence != sequence:
            try:
                hop = next_hop(entry, sequence)
            except ValueError as error:
                raise _broken(head.environment, f"the links of entry {entry.sequence}") from error
            found = self._read(entry.ancestors[hop], head.environment)
            if found is None or found.sequence != hop:
                raise _broken(head.environment, f"entry {hop}, linked from {entry.sequence}")
            entry = found
        return entry

    def _walk(self, newest: LedgerEntry, limit: int) -> Iterator[LedgerEntry]:
        """
        `find_newest` and those before it. They are fetched side by side by their sequence tags, and
        believed only as far as each is the one its successor links to.
        """
        yield newest
        last = max(newest.sequence - limit, 0)
        tags = [sequence_tag(newest.environment, s) for s in range(newest.sequence - 1, last, -1)]
        following = newest
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            # Fetched in portions, so that a caller who stops early has not paid for all of it.
            for start in range(0, len(tags), _SIDE_BY_SIDE * 4):
                portion = tags[start : start + _SIDE_BY_SIDE * 4]
                for manifest in pool.map(self._reader.fetch, portion):
                    following = self._linked(following, manifest)
                    yield following

    def _linked(self, following: LedgerEntry, manifest: Manifest | None) -> LedgerEntry:
        """The entry before `following`; a sequence tag that says otherwise is not believed."""
        linked = following.previous
        if linked is None:
            raise _broken(following.environment, f"the link of entry {following.sequence}")
        if manifest is None or manifest.digest != linked:
            manifest = self._reader.fetch(linked)
        if manifest is None:
            raise _broken(following.environment, f"entry {following.sequence - 1}")
        return self._valid(manifest, following.environment)

    def _read(self, reference: Tag | Digest, environment: str) -> LedgerEntry | None:
        manifest = self._reader.fetch(reference)
        return self._valid(manifest, environment) if manifest else None

    def _valid(self, manifest: Manifest, environment: str) -> LedgerEntry:
        try:
            entry = self._entry(manifest)
        except ValueError as error:
            raise LedgerUnreadableError(f"The ledger of '{environment}': {error}") from error
        if entry.environment != environment or entry.record.ledger != environment:
            raise _broken(environment, f"{manifest.digest.short}, of '{entry.environment}',")
        return entry

    def _entry(self, manifest: Manifest) -> LedgerEntry:
        if not is_shortened(manifest):
            return decode(manifest)
        config = manifest.view.config
        if config is None:
            raise ValueError(f"{manifest.digest.short} names no record")
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
        # The one tag that is not read back: nothing goes by what it says. An entry is believed by
        # the links from the head, which is read back, and an audit names a tag that is another.
        self._registry.put(manifest, sequence_tag(draft.environment, draft.sequence))
        return decode(manifest, draft.record)

    def commit(self, entry: LedgerEntry) -> None:
        self._registry.put(entry.manifest, head_tag(entry.environment))

    def confirm(self, entry: LedgerEntry) -> None:
        found = self._registry.resolve(head_tag(entry.environment))
        if found != entry.digest:
            raise ConflictError(
                f"The ledger of '{entry.environment}' was written by somebody else at the same "
                "time: run the same command again to see where it stands",
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


def _brings(record: AnyRecord, version: str) -> bool:
    return isinstance(record, PromotionRecord | RollbackRecord) and record.version == version


def _broken(environment: str, what: str) -> LedgerUnreadableError:
    return LedgerUnreadableError(
        f"The ledger of '{environment}' is broken: {what} is missing or another. "
        f"Run: floe platform audit verify --env {environment}"
    )
