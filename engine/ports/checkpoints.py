"""Checkpoints of the ledgers: where they are stored, and the witnesses that sign them too."""

from typing import Protocol

from engine.domain.tlog.checkpoint import StoredCheckpoint
from engine.domain.tlog.merkle import Proof
from engine.domain.tlog.note import NoteKey, NoteSignature, SignedNote


class CheckpointStore(Protocol):
    """Stores the newest checkpoint of each environment. Methods raise RegistryError."""

    def read(self, environment: str) -> StoredCheckpoint | None:
        """Read the checkpoint, unverified; None without a usable one."""
        ...

    def write(self, environment: str, stored: StoredCheckpoint) -> None:
        """Replace the checkpoint."""
        ...


class Witness(Protocol):
    """A witness: it signs checkpoints of a ledger as long as each extends the one before."""

    @property
    def key(self) -> NoteKey:
        """The name and public key of the witness."""
        ...

    def cosign(self, old: int, proof: Proof, note: SignedNote) -> NoteSignature | int:
        """
        Ask for a cosignature of `note`; `proof` shows that it extends the first `old` entries.

        Returns the verified cosignature, or the number of entries that the witness has seen if
        that is not `old`. WitnessUnavailableError for every other answer, and without one.
        """
        ...
