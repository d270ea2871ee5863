"""What an audit has to say about one ledger: each thing by name, with its place and a way out."""

from engine.domain.artifact import Digest, Tag
from engine.domain.audit import InspectedEntry, Remark, RemarkKind
from engine.domain.text import printable

_RESTORE = (
    "restore it from a backup of the registry or a copy of the audit backend, and find out who can "
    "write to the registry beside floe"
)
_WHO = "find out who can write to the registry beside floe"


class Remarks:
    """Collects what is found in the ledger of `environment`, in the order in which it is found."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self.problems: list[Remark] = []
        self.notes: list[Remark] = []

    def problem(
        self, kind: RemarkKind, message: str, sequence: int | None = None, tag: Tag | None = None
    ) -> None:
        self.problems.append(self._remark(kind, message, sequence, tag))

    def note(
        self, kind: RemarkKind, message: str, sequence: int | None = None, tag: Tag | None = None
    ) -> None:
        self.notes.append(self._remark(kind, message, sequence, tag))

    def faults(self, sequence: int, exhibit: InspectedEntry) -> None:
        """What does not fit within one entry."""
        for fault in exhibit.faults:
            self.problem(fault.kind, f"{self._entry(sequence)}: {fault.text}: {_RESTORE}", sequence)

    def missing(self, first: int, last: int) -> None:
        self.problem(RemarkKind.MISSING, f"{self._entry(first, last)} gone: {_RESTORE}", last)

    def untagged(self, sequence: int) -> None:
        self.problem(
            RemarkKind.MISSING,
            f"{self._entry(sequence)} is linked and lost the tag that keeps the registry from "
            f"deleting it: put its tag back, and {_WHO}",
            sequence,
        )

    def replaced(self, sequence: int, found: Digest, linked: Digest) -> None:
        """The entry that is linked is gone, and another one has its tag."""
        self.problem(
            RemarkKind.ALTERED,
            f"{self._entry(sequence)} was replaced: the chain links to {linked.short}, which is "
            f"gone, and its tag carries {found.short}: {_RESTORE}",
            sequence,
        )

    def forked(self, sequence: int, found: Digest, linked: Digest) -> None:
        """The entry that is linked is there, and another one has its tag."""
        self.problem(
            RemarkKind.FORK,
            f"{self._entry(sequence)} is there twice: the chain links to {linked.short}, and its "
            f"tag carries {found.short}: point the tag at the linked one, and {_WHO}",
            sequence,
        )

    def unproven(self, lost: int, first: int, last: int) -> None:
        """What the loss of the entry at `lost` leaves without proof."""
        self.problem(
            RemarkKind.MISSING,
            f"{self._entry(first, last)} no longer proven by the head, because entry {lost}, "
            f"which links to it, is lost: {_RESTORE}",
            last,
        )

    def gap(self, sequence: int, nearest: int) -> None:
        """The entry at `sequence` does not link to the one before it."""
        further = f"the next it links to is {nearest}" if nearest else "it links to none"
        self.problem(
            RemarkKind.GAP,
            f"{self._entry(sequence)} skips entry {sequence - 1} ({further}): entries were taken "
            f"out of the chain: {_RESTORE}",
            sequence,
        )

    def misplaced(self, sequence: int, says: int) -> None:
        self.problem(
            RemarkKind.GAP,
            f"{self._entry(sequence)} calls itself entry {says}: the chain was put together "
            f"anew: {_RESTORE}",
            sequence,
        )

    def unfit(self, sequence: int, what: str) -> None:
        """`what` of the entry does not follow from the one before it."""
        self.problem(
            RemarkKind.ALTERED,
            f"{self._entry(sequence)}: {what} does not follow from the entry before it and its "
            f"own record: {_RESTORE}",
            sequence,
        )

    def _entry(self, first: int, last: int | None = None) -> str:
        """One entry by its place, or several with the verb they take."""
        if last is None:
            return f"Entry {first} of {self._environment}"
        if first == last:
            return f"Entry {first} of {self._environment} is"
        return f"Entries {first} to {last} of {self._environment} are"

    def _remark(
        self, kind: RemarkKind, message: str, sequence: int | None, tag: Tag | None
    ) -> Remark:
        name = str(tag) if tag else None
        return Remark(kind, self._environment, printable(message), sequence, name)
