"""The ledger: the hash-linked records of each environment."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import InspectedEntry
from engine.domain.ledger import ChainEnd, EntryClaim, LedgerEntry
from engine.domain.manifest import Descriptor
from engine.domain.public_key import PublicKey
from engine.domain.record import AnyRecord
from engine.ports.registry import Step, at_once


class LedgerReader(Protocol):
    """
    Reads the records of each environment.

    Methods raise LedgerUnreadableError for a corrupt ledger, and RegistryError if it
    cannot be read.
    """

    def end(self, environment: str) -> ChainEnd:
        """
        Find the end of the chain: two requests, side by side if an earlier end is known.

        The head tag is only a hint. If it is old, moved or missing, the end is found by the tags
        of the entries.
        """
        ...

    @property
    def verifies_timestamps(self) -> bool:
        """Whether timestamps are verified; they should then be there."""
        ...

    def head(self, environment: str) -> LedgerEntry | None:
        """Read the newest entry, as `end` does; None for an empty ledger."""
        ...

    def history(
        self, environment: str, limit: int, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        Read at most `limit` committed entries, newest first; with `before`, from that sequence on.

        Each is proven to be linked from the head. Costs O(limit) requests in O(log n) waves.
        """
        ...

    def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """Read the committed entry at `sequence` over the links from `head`, in O(log n)."""
        ...

    def find_promotion(
        self, head: LedgerEntry, digest: Digest, version: str | None = None
    ) -> LedgerEntry | None:
        """
        Find the newest committed promotion of `digest` into the environment of `head`, under any
        version or the given one; None if there is none.

        The index of the entries finds it, or proves that there is none, in O(log n).
        """
        ...

    def find_arrival(self, head: LedgerEntry, version: Version) -> LedgerEntry | None:
        """
        Find the newest committed promotion of, or rollback to, `version` in the environment of
        `head`, with any digest. No request if the state of `head` rules it out; else see `find`.
        """
        ...

    def find(
        self, head: LedgerEntry, name: str, wanted: Callable[[AnyRecord], bool]
    ) -> LedgerEntry | None:
        """
        Find the newest committed entry up to `head` about `name`, a digest or a version, whose
        record is `wanted`; None if there is none. O(log n) requests, plus one for each entry about
        `name` that is not wanted. A referrers index proves nothing and is not read.
        """
        ...

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        """
        Yield all committed entries, newest first, each proven by the entry after it.

        They are fetched in portions, on demand; a caller that stops early closes the generator.
        """
        ...

    def rotations(self, head: LedgerEntry) -> tuple[LedgerEntry, ...]:
        """Read the rotations of keys up to `head`, newest first: one request for each."""
        ...

    def listed_keys(self) -> tuple[PublicKey, ...]:
        """Return the keys that this installation lists, the signing one among them."""
        ...

    @property
    def distrusted(self) -> tuple[PublicKey, ...]:
        """The keys that this installation distrusts, like stolen ones."""
        ...

    def signing_key(self) -> PublicKey | None:
        """
        Return the key that signs entries here; None without one. ConfigError or
        SigningUnavailableError if it cannot be read.
        """
        ...

    def parse_tag(self, tag: Tag) -> tuple[str, int] | None:
        """Parse the tag of an entry into environment and sequence; None for other tags."""
        ...

    def tag(self, environment: str, sequence: int | None) -> Tag:
        """Build the tag of the entry at `sequence`, or of the head hint for None."""
        ...

    def inspect_tag(
        self,
        environment: str,
        sequence: int | None,
        *,
        whole: bool = False,
        known: Sequence[PublicKey] = (),
    ) -> InspectedEntry | None:
        """
        Inspect the entry with the tag of `sequence`, or of the head for None; None without such a
        tag. With `whole`, its blob is read even if the manifest has the same content. A corrupt
        entry is returned with its faults: only RegistryUnavailableError is raised. Its signer is
        found among the listed keys, those that the entry names, and `known` ones.
        """
        ...

    def inspect_digest(
        self,
        environment: str,
        digest: Digest,
        *,
        whole: bool = False,
        known: Sequence[PublicKey] = (),
    ) -> InspectedEntry | None:
        """Inspect the entry with the manifest `digest`, under the terms of `inspect_tag`."""
        ...


class Ledger(LedgerReader, Protocol):
    """The ledger with its writes, for a caller that holds the environment's lease."""

    @property
    def signs(self) -> bool:
        """Whether entries need a signature: then `prepare` goes before the first write."""
        ...

    def prepare(
        self, end: ChainEnd, record: AnyRecord, subject: Descriptor | None
    ) -> tuple[LedgerEntry, bytes]:
        """
        Encode the entry for `record` after `end`, and sign it if a key is configured.

        Nothing is written; the index of the entry takes O(log n) requests. Returns the entry with
        the content of its blob: the record, or the bundle that `signs` it. SigningUnavailableError
        if the key cannot sign, TimestampUnavailableError if there is no timestamp and it is
        required; ConfigError without a key where only signed entries count, or with a key that was
        retired.
        """
        ...

    def create(self, entry: LedgerEntry) -> None:
        """
        Commit `entry` by creating the tag of its number; `end` found the number free.

        Its blob is already in the registry. ConflictError if the registry refuses it, because
        another writer was first.
        """
        ...

    def confirm(self, entry: LedgerEntry, end: ChainEnd) -> LedgerEntry:
        """
        Read the tags of `entry` and of the head back, before anything follows the entry.

        Returns the newest entry: `entry`, or one that another writer wrote after it.

        ConflictError if another writer replaced the entry, or completed one since `end` was read.
        An entry that was complete first, and was overwritten by this one, is put back.
        """
        ...

    def recheck(self, entry: LedgerEntry) -> LedgerEntry:
        """
        Find the end of the ledger again, because another writer continued it after `confirm`.

        Returns the newest entry, and raises ConflictError, as `confirm` does.
        """
        ...

    def read_claim(self, claim: EntryClaim, head: LedgerEntry | None) -> LedgerEntry | None:
        """
        Decode the entry of `claim`, which follows `head` and whose tag may not exist yet.

        None if it does not count there, or if the registry lacks its record: each writer stores it
        before the claim, so the claim is not by a writer, or the registry lost the record.
        """
        ...

    def point_head(self, entry: LedgerEntry) -> None:
        """Point the head tag, a hint for readers, to `entry`."""
        ...

    def attach(self, entry: LedgerEntry, ready: Step = at_once, listed: Step = at_once) -> None:
        """
        List `entry` among the referrers of its artifact, so that other tools find it. An entry is
        valid by its position in the chain, also without the listing. `ready` and `listed` as in
        the registry.
        """
        ...
