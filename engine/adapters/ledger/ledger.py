"""Reads and extends the ledgers in a registry."""

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from engine.adapters.ledger.chain_end import find_end
from engine.adapters.ledger.encoding import (
    decode,
    encode,
    head_tag,
    is_shortened,
    read_sequence_tag,
    sequence_tag,
)
from engine.adapters.ledger.entries import MAX_RECORD_BYTES, EntryReader
from engine.adapters.ledger.inspection import inspect
from engine.adapters.ledger.sealing import Sealing
from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import InspectedEntry
from engine.domain.errors import (
    ConfigError,
    ConflictError,
    PromotionError,
    RegistryAnswerError,
    TagExistsError,
)
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry, draft_after, entry_lost
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.public_key import PublicKey
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.record_index import entries_about, key_of
from engine.ports import Heads, Registry, RegistryReader
from engine.ports.registry import Step, at_once

_log = logging.getLogger(__name__)


class RegistryLedgerReader:
    """Implements `engine.ports.LedgerReader`."""

    def __init__(
        self,
        registry: RegistryReader,
        heads: Heads | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        self._reader = registry
        self._sealing = sealing or Sealing()
        self._chain = EntryReader(registry, self._sealing)
        self._heads = heads
        # The newest sequences that this process has seen, to probe the next one without a wait.
        self._newest: dict[str, int] = {}

    def end(self, environment: str) -> ChainEnd:
        end = find_end(self._chain, environment, self._expected(environment))
        self._newest[environment] = end.head.sequence if end.head else 0
        return end

    def _expected(self, environment: str) -> int | None:
        if environment in self._newest or self._heads is None:
            return self._newest.get(environment)
        try:
            known = self._heads.known(environment)
        except PromotionError:
            # The rewind guard reports it; here it only costs a wait.
            return None
        return known.sequence if known else None

    @property
    def verifies_timestamps(self) -> bool:
        return self._sealing.timestamps is not None

    def head(self, environment: str) -> LedgerEntry | None:
        return self.end(environment).head

    def history(
        self, environment: str, limit: int, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        newest = self.head(environment)
        if newest is not None and before is not None and before <= newest.sequence:
            newest = self._chain.at_or_before(newest, before - 1) if before > 1 else None
        return tuple(self._chain.walk(newest, limit)) if newest else ()

    def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        return self._chain.reach(head, sequence)

    def find_promotion(
        self, head: LedgerEntry, digest: Digest, version: str | None = None
    ) -> LedgerEntry | None:
        if head.state.digest == str(digest) and head.state.sequence:
            newest = self._chain.reach(head, head.state.sequence)
            if _promotes(newest.record, digest, version):
                return newest
        return self.find(head, str(digest), lambda record: _promotes(record, digest, version))

    def find_arrival(self, head: LedgerEntry, version: Version) -> LedgerEntry | None:
        state = head.state
        if not state.may_have_had(version):
            return None
        if state.version == str(version) and state.sequence:
            return self._chain.reach(head, state.sequence)
        return self.find(
            head,
            str(version),
            lambda record: (
                isinstance(record, PromotionRecord | RollbackRecord)
                and record.version == str(version)
            ),
        )

    def find(
        self, head: LedgerEntry, name: str, wanted: Callable[[AnyRecord], bool]
    ) -> LedgerEntry | None:
        found = entries_about(head, key_of(name), partial(self._chain.read, head.environment))
        return next((entry for entry in found if wanted(entry.record)), None)

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        newest = self.head(environment)
        if newest is not None:
            yield from self._chain.walk(newest, newest.sequence)

    def rotations(self, head: LedgerEntry) -> tuple[LedgerEntry, ...]:
        found, keys = [head] if head.is_rotation else [], head.state.keys
        while keys and keys.link:
            found.append(self._chain.read(head.environment, keys.link))
            keys = found[-1].state.keys
        return tuple(found)

    def listed_keys(self) -> tuple[PublicKey, ...]:
        return self._sealing.trusted.listed() if self._sealing.trusted else ()

    @property
    def distrusted(self) -> tuple[PublicKey, ...]:
        return self._sealing.distrusted

    def signing_key(self) -> PublicKey | None:
        signer = self._sealing.signer
        return PublicKey.of_der(signer.public_key()) if signer else None

    def parse_tag(self, tag: Tag) -> tuple[str, int] | None:
        return read_sequence_tag(tag)

    def tag(self, environment: str, sequence: int | None) -> Tag:
        return head_tag(environment) if sequence is None else sequence_tag(environment, sequence)

    def inspect_tag(
        self,
        environment: str,
        sequence: int | None,
        *,
        whole: bool = False,
        known: Sequence[PublicKey] = (),
    ) -> InspectedEntry | None:
        return self._inspect(environment, self.tag(environment, sequence), known, whole)

    def inspect_digest(
        self,
        environment: str,
        digest: Digest,
        *,
        whole: bool = False,
        known: Sequence[PublicKey] = (),
    ) -> InspectedEntry | None:
        return self._inspect(environment, digest, known, whole)

    def _inspect(
        self, environment: str, reference: Tag | Digest, known: Sequence[PublicKey], whole: bool
    ) -> InspectedEntry | None:
        limit, sealing = MAX_RECORD_BYTES, self._sealing
        return inspect(self._reader, environment, reference, limit, sealing, known, whole=whole)


class RegistryLedger(RegistryLedgerReader):
    """Implements `engine.ports.Ledger`."""

    def __init__(
        self,
        registry: Registry,
        heads: Heads | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        super().__init__(registry, heads, sealing)
        self._registry = registry

    @property
    def signs(self) -> bool:
        return self._sealing.signer is not None or self._sealing.trusted is not None

    def prepare(
        self, end: ChainEnd, record: AnyRecord, subject: Descriptor | None
    ) -> tuple[LedgerEntry, bytes]:
        if self._sealing.signer is None and self._sealing.trusted is not None:
            raise ConfigError(
                "ledger.trusted_keys is configured and ledger.signing is not, so nothing was "
                "written: an entry without a signature does not count. Set ledger.signing.key"
            )
        self._refuse_retired(record.ledger, end)
        draft = draft_after(end, record, subject, partial(self._chain.read, record.ledger))
        warnings: list[str] = []
        timestamp = partial(self._sealing.timestamp, draft.record, warnings.append)
        manifest, content = encode(draft, self._sealing.signer, timestamp)
        if is_shortened(manifest):
            _log.warning("the annotations of record %s were shortened", draft.record.id)
        for warning in warnings:
            # Commands print it themselves, so it is no warning in their log.
            _log.info("record %s: %s", draft.record.id, warning)
        return replace(decode(manifest, draft.record), warnings=tuple(warnings)), content

    def _refuse_retired(self, environment: str, end: ChainEnd) -> None:
        """Raise ConfigError if the own key was retired or stolen: its entries do not count."""
        keys = end.head.state.keys if end.head else None
        own = self.signing_key() if (keys and keys.retired) or self.distrusted else None
        if own in self.distrusted:
            raise ConfigError(
                "ledger.distrusted_keys lists the key of ledger.signing, so nothing was written: "
                "its entries do not count. Set ledger.signing.key to another key"
            )
        if keys and own and own.key_id in keys.retired:
            raise ConfigError(
                f"The key {own.key_id} of ledger.signing was retired in '{environment}', so "
                "nothing was written: its entries do not count. Set ledger.signing.key to a key "
                "that is trusted there"
            )

    def create(self, entry: LedgerEntry) -> None:
        try:
            self._registry.put(entry.manifest, sequence_tag(entry.environment, entry.sequence))
        except TagExistsError as error:
            raise entry_lost(entry) from error

    def confirm(self, entry: LedgerEntry, end: ChainEnd) -> LedgerEntry:
        tag, hint_tag = sequence_tag(entry.environment, entry.sequence), head_tag(entry.environment)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self._reader.resolve, hint_tag)
            found, hint = self._reader.resolve(tag), reading.result()
        newest = entry
        if hint not in (None, end.hint, entry.digest):
            newest = self._check_newer(entry, self._reader.fetch(hint_tag))
        if found is None:
            raise RegistryAnswerError(
                f"{self._reader.reference} accepted tag '{tag}' and does not have it: the change "
                "did not succeed. Run the same command again once the registry is repaired"
            )
        if found != entry.digest:
            raise entry_lost(entry)
        self._newest[entry.environment] = newest.sequence
        return newest

    def _check_newer(self, entry: LedgerEntry, other: Manifest | None) -> LedgerEntry:
        """
        The newest entry, given the manifest of one that another writer may have written.

        ConflictError if the other change was first, or came after this one. Without immutable tags,
        `entry` may have overwritten the first one, which is put back.
        """
        newer = self._chain.valid(other, entry.environment)
        if newer is None or newer.sequence < entry.sequence:
            return entry
        first = self._chain.reach(newer, entry.sequence)
        if first.digest != entry.digest:
            self._registry.put(first.manifest, sequence_tag(first.environment, first.sequence))
            raise entry_lost(entry)
        if entry.state.sequence == entry.sequence != newer.state.sequence:
            raise ConflictError(
                f"Record {entry.sequence} of '{entry.environment}' is on the ledger, and a newer "
                f"change followed it. Check the result: floe platform status --env "
                f"{entry.environment}",
                {"recorded": entry.sequence, "newer": newer.sequence},
            )
        return newer

    def recheck(self, entry: LedgerEntry) -> LedgerEntry:
        head = self.head(entry.environment)
        return self._check_newer(entry, head.manifest if head else None)

    def read_claim(self, claim: EntryClaim, head: LedgerEntry | None) -> LedgerEntry | None:
        return self._chain.read_claim(claim, head)

    def point_head(self, entry: LedgerEntry) -> None:
        self._registry.put(entry.manifest, head_tag(entry.environment))

    def attach(self, entry: LedgerEntry, ready: Step = at_once, listed: Step = at_once) -> None:
        view = entry.manifest.view
        if view.subject is None:
            return
        described = entry.manifest.descriptor.model_copy(
            update={"artifact_type": view.artifact_type, "annotations": view.annotations}
        )
        self._registry.attach(Digest(view.subject.digest), described, ready, listed)


def _promotes(record: AnyRecord, digest: Digest, version: str | None) -> bool:
    return (
        isinstance(record, PromotionRecord)
        and record.artifact_digest == str(digest)
        and version in (None, record.version)
    )
