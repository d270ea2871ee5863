"""The state of an environment in the registry at one moment: its head and its tags."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from engine.audit.backend_verifier import Copies
from engine.audit.checkpoints import SignedCheckpoint
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import InspectedEntry
from engine.domain.ledger import Links


@dataclass(frozen=True)
class Snapshot:
    """
    `head` is the newest entry that counts; `hint` is the content of the head tag, and `voided` are
    the occupied numbers after the head. `sequences` are those with a tag, ascending; `tags` are the
    tags of promotions and rollbacks. `copies` has the records in the audit backend; None without a
    backend.
    """

    environment: str
    head: InspectedEntry | None
    hint: InspectedEntry | None
    voided: Links
    latest: Digest | None
    sequences: tuple[int, ...] = field(repr=False)
    tags: tuple[Tag, ...] = field(repr=False)
    copies: Copies | None = field(default=None, repr=False)
    checkpoint: SignedCheckpoint | None = field(default=None, repr=False)

    @property
    def top(self) -> int:
        """The sequence of the head; if it is unreadable, of the newest entry with a tag."""
        if self.head is not None and self.head.entry is not None:
            return self.head.entry.sequence
        return max((each for each in self.sequences if each not in self.voided), default=0)

    def is_tagged(self, sequence: int) -> bool:
        return self.tagged_before(sequence + 1) == sequence

    def tagged_before(self, sequence: int) -> int:
        """The nearest sequence before `sequence` that has a tag; 0 if there is none."""
        place = bisect_left(self.sequences, sequence)
        return self.sequences[place - 1] if place else 0

    def portion(self, sequence: int, size: int) -> tuple[int, ...]:
        """At most `size` sequences that have a tag, from `sequence` down."""
        end = bisect_right(self.sequences, sequence)
        return self.sequences[max(end - size, 0) : end][::-1]
