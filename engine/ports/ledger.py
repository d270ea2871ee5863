"""The ledger: the hash-linked records of each environment."""

from collections.abc import Callable, Generator
from typing import Protocol

from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import InspectedEntry
from engine.domain.ledger import LedgerDraft, LedgerEntry
from engine.domain.record import AnyRecord


class LedgerReader(Protocol):
    """
    Reads the records of each environment.

    Methods raise LedgerUnreadableError for a corrupt ledger, and RegistryError if it
    cannot be read.
    """

    def head(self, environment: str) -> LedgerEntry | None:
        """Read the newest committed entry; None for an empty ledger. One request."""
        ...

    def read_staged(self, environment: str, sequence: int) -> LedgerEntry | None:
        """Read the entry tagged with `sequence`; it may be uncommitted, so it proves nothing."""
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

        It is found through the artifact's referrers and proven to be linked from `head`.
        LedgerUnreadableError if it may be among referrers beyond the read limit.
        """
        ...

    def find_arrival(self, head: LedgerEntry, version: Version) -> LedgerEntry | None:
        """
        Find the newest committed promotion of, or rollback to, `version` in the environment of
        `head`, with any digest. No request if the state of `head` rules it out; else see
        `find_newest`.
        """
        ...

    def find_newest(
        self, head: LedgerEntry, wanted: Callable[[AnyRecord], bool]
    ) -> LedgerEntry | None:
        """
        Find the newest committed entry up to `head` whose record is `wanted`; None if there is
        none. The chain is read back to it, or to its beginning: O(distance) requests.
        """
        ...

    def list_attached(self, digest: Digest, kind: str, environment: str) -> tuple[LedgerEntry, ...]:
        """
        Read the entries of `kind` of `environment` that are attached to `digest`. They are not
        proven to be in the ledger. LedgerUnreadableError if there are more than the read limit.
        """
        ...

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        """
        Yield all committed entries, newest first, each proven by the entry after it.

        They are fetched in portions, on demand; a caller that stops early closes the generator.
        """
        ...

    def parse_tag(self, tag: Tag) -> tuple[str, int] | None:
        """Parse the tag of an entry into environment and sequence; None for other tags."""
        ...

    def tag(self, environment: str, sequence: int | None) -> Tag:
        """Build the tag of the entry at `sequence`, or of the head for None."""
        ...

    def inspect_tag(self, environment: str, sequence: int | None) -> InspectedEntry | None:
        """
        Inspect the entry with the tag of `sequence`, or of the head for None; None without such a
        tag. A corrupt entry is returned with its faults: only RegistryUnavailableError is raised.
        """
        ...

    def inspect_digest(self, environment: str, digest: Digest) -> InspectedEntry | None:
        """Inspect the entry with the manifest `digest`, under the terms of `inspect_tag`."""
        ...


class Ledger(LedgerReader, Protocol):
    """The ledger with its writes, for a caller that holds the environment's lease."""

    def stage(self, draft: LedgerDraft) -> LedgerEntry:
        """
        Store the manifest of the record and tag it with its sequence, without committing it.

        The blob of `record.to_bytes()` is already in the registry.
        """
        ...

    def commit(self, entry: LedgerEntry) -> None:
        """Commit `entry` by making it the head."""
        ...

    def confirm(self, entry: LedgerEntry) -> None:
        """Read the head back; ConflictError if it is not `entry`."""
        ...

    def attach(self, entry: LedgerEntry) -> None:
        """
        List `entry` among the referrers of its artifact, so that it is found quickly. An entry is
        valid by its position in the chain, also without the listing.
        """
        ...
