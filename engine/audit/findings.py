"""Remarks of an audit on one ledger, each with the affected entry or tag and a hint."""

from engine.domain.artifact import Digest, Tag
from engine.domain.audit import InspectedEntry, Remark, RemarkKind
from engine.domain.text import printable
from engine.domain.upkeep_records import AcknowledgeRecord

_RESTORE = (
    "restore it from a backup of the registry or a copy of the audit backend, and find out who "
    "else can write to the registry"
)
_WHO = "find out who else can write to the registry"


class Remarks:
    """Collects problems and notes on the ledger of `environment`."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
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
        """Faults within one entry."""
        for fault in exhibit.faults:
            self.problem(fault.kind, f"{self._entry(sequence)}: {fault.text}: {_RESTORE}", sequence)

    def missing(self, first: int, last: int) -> None:
        self.problem(RemarkKind.MISSING, f"{self._entry(first, last)} missing: {_RESTORE}", last)

    def untagged(self, sequence: int) -> None:
        self.problem(
            RemarkKind.MISSING,
            f"{self._entry(sequence)} lost its tag, so the registry may delete it: run floe "
            f"platform audit repair --env {self.environment}, and {_WHO}",
            sequence,
        )

    def replaced(self, sequence: int, found: Digest, linked: Digest) -> None:
        """The linked entry is missing, and its tag points to another one."""
        self.problem(
            RemarkKind.ALTERED,
            f"{self._entry(sequence)} was replaced: the chain links to {linked.short}, which is "
            f"missing, and its tag points to {found.short}: {_RESTORE}",
            sequence,
        )

    def void(self, sequence: int, digest: Digest) -> None:
        """A number whose content does not count, so that the ledger skips it."""
        self.problem(
            RemarkKind.VOID,
            f"Number {sequence} of {self.environment} is occupied by {digest.short}, which does "
            f"not continue the ledger and does not count: {self._acknowledge(sequence)}",
            sequence,
        )

    def unsigned_void(self, sequence: int, digest: Digest) -> None:
        """The ledger skips a number, whose content no known key signed."""
        self.problem(
            RemarkKind.UNTRUSTED,
            f"untrusted entry {sequence} in {self.environment}: no trusted key signed "
            f"{digest.short}, so it does not count: {self._acknowledge(sequence)}",
            sequence,
        )

    def signed_by_retired(self, sequence: int, digest: Digest, key_id: str, retired: int) -> None:
        """The ledger skips a number, whose content a key signed that entry `retired` retired."""
        self.problem(
            RemarkKind.UNTRUSTED,
            f"untrusted entry {sequence} in {self.environment}: {digest.short} is signed by "
            f"{key_id}, which entry {retired} retired, so it does not count: "
            f"{self._acknowledge(sequence)}",
            sequence,
        )

    def acknowledged(self, record: AcknowledgeRecord) -> None:
        """A number that does not count, which an operator looked at."""
        self.note(
            RemarkKind.VOID,
            f"Number {record.void_sequence} of {self.environment} does not count; "
            f"{record.operator} acknowledged {record.void_digest[:19]} at "
            f"{record.at:%Y-%m-%d %H:%M:%S} UTC: {record.reason}",
            record.void_sequence,
        )

    def _acknowledge(self, sequence: int) -> str:
        return (
            f"{_WHO}, then run: floe platform audit acknowledge {sequence} "
            f"--env {self.environment} --reason …"
        )

    def forked(self, sequence: int, found: Digest, linked: Digest) -> None:
        """The linked entry exists, but its tag points to another one."""
        self.problem(
            RemarkKind.FORK,
            f"{self._entry(sequence)} was overwritten: the chain links to {linked.short}, and its "
            f"tag points to {found.short}: point the tag to the linked one, and {_WHO}",
            sequence,
        )

    def unproven(self, lost: int, first: int, last: int) -> None:
        """Entries `first` to `last` are unproven because the entry at `lost` is missing."""
        self.problem(
            RemarkKind.MISSING,
            f"{self._entry(first, last)} no longer proven by the head, because entry {lost}, "
            f"which linked there, is lost: {_RESTORE}",
            last,
        )

    def gap(self, sequence: int, nearest: int) -> None:
        """The entry at `sequence` does not link to the one before it."""
        links = f"its nearest link is entry {nearest}" if nearest else "it has no link"
        self.problem(
            RemarkKind.GAP,
            f"{self._entry(sequence)} skips the entry before it ({links}): entries were removed "
            f"from the chain: {_RESTORE}",
            sequence,
        )

    def unsigned(self, first: int, last: int, hint: str) -> None:
        """Entries `first` to `last` of an export are not those that its checkpoint signs."""
        self.problem(
            RemarkKind.CHECKPOINT,
            f"{self._entry(first, last)} missing or altered: the checkpoint signs other content: "
            f"{hint}",
            last,
        )

    def unread(self, last: int) -> None:
        """A checkpoint proves the entries up to `last`."""
        self.note(
            RemarkKind.UNREAD,
            f"{self._entry(1, last)} proven by a checkpoint, and not read again: --full reads and "
            "judges all entries, and compares all tags",
            last,
        )

    def misplaced(self, sequence: int, stated: int) -> None:
        """The entry at `sequence` has the number `stated`."""
        self.problem(
            RemarkKind.GAP,
            f"{self._entry(sequence)} has the number {stated}: the chain was rebuilt: {_RESTORE}",
            sequence,
        )

    def broken_rule(self, kind: RemarkKind, sequence: int, fact: str) -> None:
        """The entry breaks a rule; `fact` is the clause after its name."""
        self.problem(kind, f"{self._entry(sequence)} {fact}: {_WHO}", sequence)

    def lost_policy(self, digest: str, first: int, last: int, fault: str) -> None:
        """The policy of records from entry `first` to `last` cannot be read."""
        entries = f"entries {first} to {last}" if first < last else f"entry {first}"
        self.problem(
            RemarkKind.MISSING,
            f"The policy {digest} of {entries} of {self.environment} {fault}: restore it from a "
            f"backup of the registry or from an export, and {_WHO}",
            last,
        )

    def inconsistent(self, sequence: int, part: str) -> None:
        """`part` of the entry does not follow from the entry before it."""
        self.problem(
            RemarkKind.ALTERED,
            f"{self._entry(sequence)}: {part} does not follow from the entry before it and its "
            f"own record: {_RESTORE}",
            sequence,
        )

    def _entry(self, first: int, last: int | None = None) -> str:
        """`Entry 3 of prod`, or with `last` also the verb: `Entries 3 to 5 of prod are`."""
        if last is None:
            return f"Entry {first} of {self.environment}"
        if first == last:
            return f"Entry {first} of {self.environment} is"
        return f"Entries {first} to {last} of {self.environment} are"

    def _remark(
        self, kind: RemarkKind, message: str, sequence: int | None, tag: Tag | None
    ) -> Remark:
        name = str(tag) if tag else None
        return Remark(kind, self.environment, printable(message), sequence, name)
