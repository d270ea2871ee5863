"""Judges who signed the entries of a ledger: each by the keys that were trusted at its place."""

from dataclasses import dataclass

from engine.audit.findings import Remarks
from engine.domain.audit import InspectedEntry, RemarkKind
from engine.domain.errors import LedgerUnreadableError, RegistryAnswerError, RegistryRefusalError
from engine.domain.ledger import LedgerEntry, keys_named_by
from engine.domain.public_key import PublicKey
from engine.domain.upkeep_records import RotateRecord
from engine.ports import LedgerReader


@dataclass(frozen=True, slots=True)
class Signed:
    """
    The ID of the key that signed an entry, and whether it is `listed`; `unknown` if it is neither
    listed nor named by the ledger.
    """

    signer: str | None = None
    listed: bool = False
    unknown: bool = False

    @classmethod
    def of(cls, found: InspectedEntry) -> "Signed":
        return cls(found.entry.signer if found.entry else None, found.listed, found.untrusted)


class Signatures:
    """
    The signatures of one ledger up to `head`, with the rotations of keys that it links to.

    Entries can be added in any order.
    """

    def __init__(self, ledger: LedgerReader, head: LedgerEntry | None) -> None:
        self._ledger = ledger
        self._rotations: dict[int, LedgerEntry] = {}
        # The number of the entry that added or retired a key, by its ID.
        self._added: dict[str, int] = {}
        self._retired: dict[str, int] = {}
        self._signed: dict[int, Signed] = {}
        if head is not None:
            self.learn_before(head)

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The keys that rotations name."""
        return keys_named_by(self._rotations.values())

    def learn_before(self, entry: LedgerEntry) -> None:
        """Add the rotations up to `entry`; if they cannot be read, the chain shows why."""
        link = entry.state.keys.link if entry.state.keys else None
        if link is not None and link.sequence in self._rotations:
            return
        try:
            for each in self._ledger.rotations(entry):
                self._rotations.setdefault(each.sequence, each)
        except RegistryRefusalError:
            # Missing access says nothing about the content.
            raise
        except (LedgerUnreadableError, RegistryAnswerError):
            pass
        self._apply_rotations()

    def add(self, sequence: int, entry: LedgerEntry, signed: Signed) -> None:
        """Add a proven entry."""
        self._signed[sequence] = signed
        if entry.is_rotation:
            self._rotations[sequence] = entry
            self._apply_rotations()

    def retired_before(self, signer: str | None, sequence: int) -> int | None:
        """The entry that retired the key `signer` before `sequence`; None without one."""
        retired = self._retired.get(signer or "")
        return retired if retired is not None and retired < sequence else None

    def is_untrusted(self, sequence: int, signed: Signed) -> bool:
        """Whether no key signed the entry that was ever trusted before `sequence`."""
        if signed.unknown or signed.listed or signed.signer is None:
            return signed.unknown
        if signed.signer in self._added:
            return self._added[signed.signer] >= sequence
        # A key that a rotation retires was listed before it.
        return signed.signer not in self._retired

    def untrusted(self) -> dict[int, bool]:
        """For each entry, oldest first, whether it is untrusted."""
        return {each: self.is_untrusted(each, self._signed[each]) for each in sorted(self._signed)}

    def report_retired(self, remarks: Remarks) -> None:
        """Report the entries by keys that were retired before them."""
        for sequence, signed in self._signed.items():
            retired = self.retired_before(signed.signer, sequence)
            if retired is not None:
                remarks.broken_rule(
                    RemarkKind.UNTRUSTED,
                    sequence,
                    f"is signed by {signed.signer}, which entry {retired} retired",
                )

    def note_untrusted(self, remarks: Remarks) -> None:
        """Note the proven entries that only later entries by trusted keys vouch for."""
        found = [sequence for sequence, wrong in self.untrusted().items() if wrong]
        if not found:
            return
        first, last = found[0], found[-1]
        remarks.note(
            RemarkKind.UNTRUSTED,
            f"{len(found)} {'entries' if len(found) > 1 else 'entry'} ({first} to {last}) without "
            "a signature by a key that is known now; a later entry by a trusted key links to them, "
            "or ledger.adopted names one: expected after a change of the keys without a rotation",
            last,
        )

    def _apply_rotations(self) -> None:
        """Compute the tables again; a rotation by a key that was retired before changes nothing."""
        self._added, self._retired = {}, {}
        for sequence in sorted(self._rotations):
            entry = self._rotations[sequence]
            if not isinstance(entry.record, RotateRecord):
                continue
            if self.retired_before(entry.signer, sequence) is None:
                for key in entry.record.added:
                    self._added.setdefault(key.key_id, sequence)
                for key in entry.record.retired:
                    self._retired.setdefault(key.key_id, sequence)
