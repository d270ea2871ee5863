"""The records of each environment, in a chain."""

from collections.abc import Callable, Generator
from typing import Protocol

from engine.domain.artifact import Digest, Tag, Version
from engine.domain.audit import InspectedEntry
from engine.domain.ledger import LedgerDraft, LedgerEntry
from engine.domain.record import AnyRecord


class LedgerReader(Protocol):
    """
    The records of each environment, newest first. LedgerUnreadableError when what is there is no
    ledger, RegistryUnavailableError when it cannot be read.
    """

    def head(self, environment: str) -> LedgerEntry | None:
        """The newest committed entry; None for an environment without history. One request."""
        ...

    def staged(self, environment: str, sequence: int) -> LedgerEntry | None:
        """What carries the tag of `sequence`: perhaps never committed, so proof of nothing."""
        ...

    def history(
        self, environment: str, limit: int, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        At most `limit` committed entries, newest first, those before sequence `before` if given.
        Each is proven to be linked from the head. Costs O(limit) requests in O(log n) waves.
        """
        ...

    def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """The committed entry at `sequence`, reached over the links from `head`: O(log n)."""
        ...

    def promotion(
        self, head: LedgerEntry, digest: Digest, version: str | None = None
    ) -> LedgerEntry | None:
        """
        The newest committed promotion of `digest` into the environment of `head`, under any
        version or under the one given; found through the artifact's referrers and proven to be
        linked from `head`. LedgerUnreadableError where it may be among referrers that are not read.
        """
        ...

    def arrival(self, head: LedgerEntry, version: Version) -> LedgerEntry | None:
        """
        The newest committed promotion of `version` into the environment of `head`, or return to
        it, with any digest. No request where the state of `head` rules it out; else as `newest`.
        """
        ...

    def newest(self, head: LedgerEntry, wanted: Callable[[AnyRecord], bool]) -> LedgerEntry | None:
        """
        The newest committed entry up to `head` with a record that is `wanted`. The chain is read
        back to it, or to its beginning: O(distance) requests.
        """
        ...

    def attached(self, digest: Digest, kind: str, environment: str) -> tuple[LedgerEntry, ...]:
        """
        The records of `kind` of `environment` attached to `digest`: claims, of which none proves
        anything. LedgerUnreadableError where there are more than are read.
        """
        ...

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        """
        Every committed entry, newest first, each proven by the one after it. They are fetched a
        portion at a time, as far as somebody goes on asking; who stops early closes it.
        """
        ...

    def place(self, tag: Tag) -> tuple[str, int] | None:
        """The environment and sequence whose entry `tag` names; None for any other tag."""
        ...

    def tag(self, environment: str, sequence: int | None) -> Tag:
        """The tag of the entry at `sequence`, or of the head for None."""
        ...

    def tagged(self, environment: str, sequence: int | None) -> InspectedEntry | None:
        """
        What carries the tag of `sequence`, or of the head for None, with all that is wrong within
        it; None when there is no such tag. Unlike every other method it takes a broken ledger for
        an answer: it raises only when the registry itself cannot be asked.
        """
        ...

    def linked(self, environment: str, digest: Digest) -> InspectedEntry | None:
        """As `tagged`, for the manifest of `digest`."""
        ...


class Ledger(LedgerReader, Protocol):
    """The ledger with its writes. They happen under the environment's lease."""

    def stage(self, draft: LedgerDraft) -> LedgerEntry:
        """
        Store the record's manifest and tag it with its sequence; the blob of `record.to_bytes()`
        is there already. It does not count yet.
        """
        ...

    def commit(self, entry: LedgerEntry) -> None:
        """Make `entry` the head: from here on it counts."""
        ...

    def confirm(self, entry: LedgerEntry) -> None:
        """Read the head back; ConflictError when it turns out to be another than `entry`."""
        ...

    def attach(self, entry: LedgerEntry) -> None:
        """
        List `entry` among the referrers of the artifact it speaks of. It counts by its place in
        the chain; being listed only makes it quick to find.
        """
        ...
