"""Judges whether the key that signed an entry was trusted at the place of the entry."""

from collections.abc import Callable

from engine.adapters.ledger.sealing import Sealing
from engine.domain.artifact import Digest
from engine.domain.key_trust import is_trusted, keys_after, rotation_fault
from engine.domain.ledger import LedgerEntry
from engine.domain.upkeep_records import RotateRecord

# Rotations that the listed keys do not know; each costs one request.
_MAX_ROTATIONS = 32


class EntryTrust:
    """Judges entries by the listed keys in `sealing`, and by the rotations of their ledger."""

    def __init__(self, sealing: Sealing, read: Callable[[str, Digest], LedgerEntry | None]) -> None:
        self._listed = sealing.trusted
        self._adopted = sealing.adopted
        self._distrusted = sealing.distrusted_ids
        self._read = read
        # By the digest of a rotation, whose content never changes.
        self._proven: dict[Digest, LedgerEntry] = {}

    def is_trusted_after(self, before: LedgerEntry | None, entry: LedgerEntry) -> bool:
        """Whether `entry` counts after `before`, which counts: by the keys trusted there."""
        if self._listed is None or entry.digest in self._adopted:
            return True
        if entry.signer in self._distrusted:
            return False
        keys = before.state.keys if before else None
        return entry.signer is not None and is_trusted(keys, entry.signer, self._listed.is_listed)

    def is_distrusted_after(self, before: LedgerEntry | None, entry: LedgerEntry) -> bool:
        """Whether a distrusted key signed `entry`, which was not retired before it."""
        keys = before.state.keys if before else None
        return entry.signer in self._distrusted and not (keys and entry.signer in keys.retired)

    def is_proven(self, entry: LedgerEntry, left: int = _MAX_ROTATIONS) -> bool:
        """
        Whether `entry` counts as far as it shows alone: a listed key signed it, or one that the
        rotation it links to trusts, which is proven in the same way, at most `left` times.
        """
        if self._listed is None or entry.digest in self._adopted:
            return True
        if (
            entry.signer is None
            or entry.signer in self._distrusted
            or not _is_sound(entry, entry.signer)
        ):
            return False
        if self._is_listed_before(entry, entry.signer):
            return True
        return bool(left) and self._is_proven_by_rotation(entry, entry.signer, left - 1)

    def _is_listed_before(self, entry: LedgerEntry, signer: str) -> bool:
        """Whether `signer` is a listed key, and by the own state of `entry` not a retired one."""
        keys, record = entry.state.keys, entry.record
        retiring = record.retired if isinstance(record, RotateRecord) else ()
        is_retired = keys is not None and signer in keys.retired
        if is_retired and signer not in {each.key_id for each in retiring}:
            return False
        return self._listed is not None and self._listed.is_listed(signer)

    def _is_proven_by_rotation(self, entry: LedgerEntry, signer: str, left: int) -> bool:
        rotation = self._rotation_before(entry, left)
        if rotation is None or self._listed is None:
            return False
        keys = rotation.passed_keys
        if isinstance(entry.record, RotateRecord):
            keys = keys_after(keys, entry.record.added, entry.record.retired)
        same = (rotation.record.repository, keys) == (entry.record.repository, entry.state.keys)
        return same and is_trusted(rotation.state.keys, signer, self._listed.is_listed)

    def _rotation_before(self, entry: LedgerEntry, left: int) -> LedgerEntry | None:
        """The rotation to which `entry` links; None if it is not proven."""
        link = entry.state.keys.link if entry.state.keys else None
        if link is None or link.sequence >= entry.sequence:
            return None
        if link.digest in self._proven:
            return self._proven[link.digest]
        found = self._read(entry.environment, link.digest)
        if found is None or not found.is_rotation or found.sequence != link.sequence:
            return None
        if not self.is_proven(found, left):
            return None
        self._proven[link.digest] = found
        return found


def _is_sound(entry: LedgerEntry, signer: str) -> bool:
    return not entry.is_rotation or rotation_fault(entry.state.keys, signer) is None
