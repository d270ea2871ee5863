"""Reads single ledger entries, and follows the links between them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from engine.adapters.ledger.encoding import decode, is_shortened, sequence_tag
from engine.adapters.ledger.entry_trust import EntryTrust
from engine.adapters.ledger.sealing import Sealing, inline_bundle, open_seal, sealed_kind
from engine.domain.artifact import Digest
from engine.domain.errors import (
    LedgerUnreadableError,
    RegistryAnswerError,
    RegistryRefusalError,
)
from engine.domain.ledger import EntryClaim, LedgerEntry, next_hop
from engine.domain.manifest import Manifest
from engine.domain.record import record_from_bytes
from engine.domain.record_index import Link
from engine.ports import RegistryReader

# A record has a few KiB, more with scans of thousands of findings.
MAX_RECORD_BYTES = 16 * 1024 * 1024
PARALLEL = 16


class EntryReader:
    """Reads the entries in one repository. LedgerUnreadableError if a linked one is corrupt."""

    def __init__(self, reader: RegistryReader, sealing: Sealing) -> None:
        self.reader = reader
        self._trusted = sealing.trusted
        self._distrusted = sealing.distrusted
        self._trust = EntryTrust(sealing, self._linked)

    def reach(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """Follow the links from `head` to the entry at `sequence`."""
        entry = self.at_or_before(head, sequence)
        if entry is None or entry.sequence != sequence:
            raise corrupt(head.environment, f"no entry links to entry {sequence}")
        return entry

    def at_or_before(self, head: LedgerEntry, sequence: int) -> LedgerEntry | None:
        """
        Follow the links from `head` to the newest entry up to `sequence`, in O(log n); None if
        all numbers up to there are void.
        """
        entry = head
        while entry.sequence > sequence:
            hop = next_hop(entry, sequence)
            if not hop:
                return None
            entry = self.read(head.environment, Link(hop, entry.ancestors[hop]))
        return entry

    def read(self, environment: str, link: Link) -> LedgerEntry:
        """Read the entry of `environment` to which another entry has `link`."""
        manifest = self.reader.fetch(link.digest)
        found = self.decode(manifest, environment) if manifest else None
        if found is None or found.sequence != link.sequence:
            raise corrupt(
                environment, f"entry {link.sequence} is missing or does not match its link"
            )
        return found

    def walk(self, newest: LedgerEntry, limit: int) -> Iterator[LedgerEntry]:
        """
        Yield `newest` and the entries before it, at most `limit`.

        They are fetched in parallel by their sequence tags; each must match the link of its
        successor.
        """
        yield newest
        entry, left = newest, limit - 1
        with ThreadPoolExecutor(PARALLEL) as pool:
            # Fetched in portions, so that a caller who stops early causes few requests.
            while left > 0 and entry.sequence > 1:
                first = max(entry.sequence - min(left, PARALLEL * 2), 1)
                numbers = range(entry.sequence - 1, first - 1, -1)
                tags = [sequence_tag(newest.environment, number) for number in numbers]
                tagged = dict(zip(numbers, pool.map(self.reader.fetch, tags), strict=True))
                while left > 0 and entry.sequence > first:
                    entry = self._previous(entry, tagged)
                    left -= 1
                    yield entry

    def _previous(self, successor: LedgerEntry, tagged: dict[int, Manifest | None]) -> LedgerEntry:
        """The entry before `successor`: the `tagged` one if the link agrees, else the linked."""
        linked = successor.previous
        if linked is None:
            raise corrupt(
                successor.environment, f"entry {successor.sequence} has no link to the one before"
            )
        found = tagged.get(successor.previous_sequence)
        manifest = found if found and found.digest == linked else self.reader.fetch(linked)
        if manifest is None:
            raise corrupt(successor.environment, f"entry {successor.previous_sequence} is missing")
        entry = self.decode(manifest, successor.environment)
        if entry.sequence != successor.previous_sequence:
            raise corrupt(
                successor.environment,
                f"entry {successor.previous_sequence} has the number {entry.sequence}",
            )
        return entry

    def valid(self, manifest: Manifest | None, environment: str) -> LedgerEntry | None:
        """
        The entry of `environment` in `manifest`; None for content that does not count, as far as
        it shows without the entry before it.

        The rotations that it links to are read only if its signer is not a listed key.
        """
        entry = self.readable(manifest, environment)
        return entry if entry and self._trust.is_proven(entry) else None

    def trusts(self, entry: LedgerEntry, before: LedgerEntry | None) -> bool:
        """Whether the signature of `entry`, which follows `before`, counts there."""
        return self._trust.is_trusted_after(before, entry)

    def may_follow(self, entry: LedgerEntry, before: LedgerEntry | None) -> bool:
        """Whether `entry` counts after `before` if a proven entry links to it later."""
        return self._trust.is_distrusted_after(before, entry)

    def is_proven(self, entry: LedgerEntry) -> bool:
        """Whether `entry` counts as far as it shows alone."""
        return self._trust.is_proven(entry)

    def readable(self, manifest: Manifest | None, environment: str) -> LedgerEntry | None:
        """
        The entry in `manifest` with any signature; None for other content.

        It counts if a valid entry links to it, since the signer of that one vouched for it.
        """
        try:
            return self.decode(manifest, environment) if manifest else None
        except LedgerUnreadableError:
            return None

    def read_claim(self, claim: EntryClaim, head: LedgerEntry | None) -> LedgerEntry | None:
        """See `engine.ports.Ledger.read_claim`."""
        try:
            entry = self.readable(claim.manifest, claim.environment)
            if entry is None or not self.trusts(entry, head):
                return None
            content = self._blob(entry.manifest)
        except RegistryRefusalError:
            # Missing access says nothing about the content.
            raise
        except (RegistryAnswerError, ValueError):
            return None
        whole = sealed_kind(entry.manifest) is not None or content == entry.record.to_bytes()
        return entry if whole else None

    def _linked(self, environment: str, digest: Digest) -> LedgerEntry | None:
        return self.readable(self.reader.fetch(digest), environment)

    @property
    def verifies(self) -> bool:
        """Whether only entries signed by trusted keys count."""
        return self._trusted is not None

    def decode(self, manifest: Manifest, environment: str) -> LedgerEntry:
        """The entry of `environment` in `manifest`; LedgerUnreadableError for other content."""
        try:
            entry = self.parse(manifest)
        except ValueError as error:
            raise LedgerUnreadableError(f"The ledger of '{environment}': {error}") from error
        if entry.environment != environment or entry.record.ledger != environment:
            raise corrupt(
                environment, f"it contains {manifest.digest.short} of '{entry.environment}'"
            )
        return entry

    def parse(self, manifest: Manifest) -> LedgerEntry:
        """The entry in `manifest`; ValueError if it is not one."""
        if sealed_kind(manifest) is not None:
            content = inline_bundle(manifest) or self._blob(manifest)
            found = open_seal(manifest, content, self._trusted, self._distrusted)
            return decode(manifest, found.record, found.signer)
        if not is_shortened(manifest):
            return decode(manifest)
        return decode(manifest, record_from_bytes(self._blob(manifest)))

    def _blob(self, manifest: Manifest) -> bytes:
        config = manifest.view.config
        if config is None:
            raise ValueError(f"{manifest.digest.short} has no record")
        return self.reader.blob(config.digest, MAX_RECORD_BYTES)


def corrupt(environment: str, fault: str) -> LedgerUnreadableError:
    return LedgerUnreadableError(
        f"The ledger of '{environment}' is corrupt: {fault}. "
        f"Run: floe platform audit verify --env {environment}"
    )
