"""The entries by distrusted keys after the end of a ledger, which may still turn out to count."""

from dataclasses import replace

from engine.adapters.ledger.entries import EntryReader
from engine.domain.artifact import Digest
from engine.domain.ledger import ChainEnd, LedgerEntry, continues


class DistrustedTail:
    """
    A chain of entries that begins with one by a distrusted key.

    It counts once an entry links to it that shows alone that it counts: its signer vouches for the
    entries before. Without that, a thief who moves the head tag back could hide all entries after
    the first one by the stolen key.
    """

    def __init__(self, entries: EntryReader) -> None:
        self._entries = entries
        self._end: ChainEnd | None = None

    def is_vouched_by(self, entry: LedgerEntry, number: int) -> bool:
        """Whether the `entry` at `number` counts and continues the tail."""
        if self._end is None or not continues(entry, self._end, number):
            return False
        return self._entries.trusts(entry, self._end.head) and self._entries.is_proven(entry)

    def add(self, entry: LedgerEntry | None, number: int, digest: Digest, end: ChainEnd) -> None:
        """Add the content `digest` at `number`, which does not continue the ledger at `end`."""
        before = self._end or end
        if (
            entry is not None
            and self._may_follow(entry, before.head)
            and continues(entry, before, number)
        ):
            self._end = ChainEnd(entry)
        elif self._end is not None:
            self._end = replace(self._end, voided={**self._end.voided, number: digest})

    def _may_follow(self, entry: LedgerEntry, before: LedgerEntry | None) -> bool:
        if self._entries.may_follow(entry, before):
            return True
        return self._end is not None and self._entries.trusts(entry, before)
