"""Makes checkpoints of the ledgers, and asks witnesses to sign them too."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from engine.domain.errors import (
    LedgerUnreadableError,
    UnconfiguredError,
    WitnessUnavailableError,
)
from engine.domain.ledger import ChainEnd, LedgerEntry, continues
from engine.domain.tlog.checkpoint import Checkpoint, StoredCheckpoint
from engine.domain.tlog.merkle import CompactRange, TreeTail, leaf_hash
from engine.domain.tlog.note import NoteKey, NoteSignature, SignedNote, VerifySignature
from engine.ports import LedgerReader
from engine.ports.checkpoints import CheckpointStore, Witness
from engine.ports.signer import Signer

_log = logging.getLogger(__name__)
# Begins the leaf of a number whose content does not count; manifests begin with a brace.
VOID = b"void "


@dataclass(frozen=True)
class SignedCheckpoint:
    """
    A checkpoint with a verified signature, and verified cosignatures by key.

    `refusals` has the reason why a witness did not sign, by its name.
    """

    stored: StoredCheckpoint
    checkpoint: Checkpoint
    cosigned: Mapping[NoteKey, NoteSignature] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def ends_with(self, entry: LedgerEntry) -> bool:
        """Whether `entry` is the last one that was signed."""
        before = self.stored.before
        return before.append(leaf_hash(entry.manifest.content)).root == self.checkpoint.root


@dataclass(frozen=True)
class Checkpoints:
    """
    The checkpoints of the ledgers of one repository.

    The log of an environment is named `<origin>/<environment>`; leaf n is the manifest of entry n.
    The raw `public_keys` verify checkpoints; the first is that of `signer`, which raises
    ConfigError if its key is not here. Without a signer, no checkpoints are made. `entry_keys`
    reads the trusted keys of entries, in PEM; `timestamp_certificates` verify their timestamps, in
    PEM, too.
    """

    origin: str
    ledger: LedgerReader
    store: CheckpointStore
    check: VerifySignature
    public_keys: tuple[bytes, ...]
    signer: Callable[[], Signer] | None = None
    witnesses: tuple[Witness, ...] = ()
    entry_keys: Callable[[], Sequence[str]] = tuple
    timestamp_certificates: bytes = b""

    def keys(self, environment: str) -> tuple[NoteKey, ...]:
        """The keys of the log of `environment`."""
        return tuple(NoteKey(f"{self.origin}/{environment}", each) for each in self.public_keys)

    def read(self, environment: str) -> SignedCheckpoint | None:
        """Read the stored checkpoint; None without one that is signed by a key of the log."""
        stored = self.store.read(environment)
        if stored is None:
            return None
        try:
            checkpoint = stored.checkpoint
            signed = stored.note.signed_by(self.keys(environment), self.check)
            cosigned = stored.note.signed_by([each.key for each in self.witnesses], self.check)
        except ValueError as error:
            _log.warning("the checkpoint of %s is not valid: %s", environment, error)
            return None
        if not signed or checkpoint.origin != f"{self.origin}/{environment}":
            _log.warning("the checkpoint of %s is not signed by a configured key", environment)
            return None
        return SignedCheckpoint(stored, checkpoint, cosigned)

    def make(self, environment: str) -> SignedCheckpoint | None:
        """
        Sign the present ledger, ask the witnesses for cosignatures, and store the result.

        None for an empty ledger; errors as for `sign`. A witness that does not sign is no error.
        """
        signed = self.sign(environment)
        if signed is None:
            return None
        made, tail = signed
        cosigned, refusals = dict(made.cosigned), {}
        for witness in self.witnesses:
            if witness.key in cosigned:
                continue
            try:
                cosigned[witness.key] = self._cosign(witness, made, tail)
            except WitnessUnavailableError as error:
                _log.warning("%s", error)
                refusals[witness.key.name] = str(error)
        made = _cosigned(made, cosigned, refusals)
        current = self.read(environment)
        # Another process may have stored a newer one in the meantime.
        if current is None or (current.size <= made.size and current.stored != made.stored):
            self.store.write(environment, made.stored)
        return made

    def sign(self, environment: str) -> tuple[SignedCheckpoint, TreeTail] | None:
        """
        Sign the present ledger of `environment`, or return the stored checkpoint if it covers it.

        Also returns the tree from the stored checkpoint on. None for an empty ledger.
        LedgerUnreadableError if the ledger does not extend the stored checkpoint.
        """
        known, head = self.read(environment), self.ledger.head(environment)
        size = head.sequence if head else 0
        if known is not None and known.size > size:
            raise _rewritten(environment, known, f"it ends with entry {size}")
        if head is None:
            return None
        entries = self._entries(environment, known.size if known else 1, size)
        if known is not None and not known.ends_with(entries[0]):
            raise _rewritten(environment, known, f"it has another entry {known.size}")
        leaves = tuple(map(leaf_hash, leaves_of(entries)))
        tail = TreeTail(known.stored.before if known else CompactRange(), leaves)
        if known is not None and known.size == size:
            return known, tail
        checkpoint = Checkpoint(f"{self.origin}/{environment}", size, tail.range_at(size).root)
        note = SignedNote(str(checkpoint), (self._signature(environment, str(checkpoint)),))
        stored = StoredCheckpoint(note, tail.range_at(size - 1))
        return SignedCheckpoint(stored, checkpoint), tail

    def _signature(self, environment: str, text: str) -> NoteSignature:
        if self.signer is None:
            raise UnconfiguredError(
                "Checkpoints need a key: set ledger.checkpoint.key in manifest.yaml"
            )
        signature = self.signer().sign(text.encode())
        key = self.keys(environment)[0]
        return NoteSignature(key.name, key.id, signature)

    def _entries(self, environment: str, first: int, last: int) -> tuple[LedgerEntry, ...]:
        """Read entries `first` to `last`, oldest first; each must follow from the one before."""
        found = self.ledger.history(environment, last - first + 1, last + 1)[::-1]
        entries = tuple(entry for entry in found if entry.sequence >= first)
        before = None if first == 1 else entries[0]
        for entry in entries if first == 1 else entries[1:]:
            end = ChainEnd(before, entry.voided)
            if not continues(entry, end, end.next_sequence):
                raise LedgerUnreadableError(
                    f"The ledger of '{environment}' is corrupt at entry {entry.sequence}, so it is "
                    f"not signed. Run: floe platform audit verify --full --env {environment}"
                )
            before = entry
        return entries

    def _cosign(self, witness: Witness, made: SignedCheckpoint, tail: TreeTail) -> NoteSignature:
        # The witness most often knows the checkpoint that was stored before.
        old = min(tail.before.size + 1, made.size) if tail.before.size else 0
        answer = witness.cosign(old, tail.proof_from(old), made.stored.note)
        if isinstance(answer, int) and answer <= made.size:
            if answer < tail.before.size:
                name = made.checkpoint.origin.rpartition("/")[2]
                entries = self._entries(name, 1, made.size)
                leaves = tuple(map(leaf_hash, leaves_of(entries)))
                tail = TreeTail(CompactRange(), leaves)
            answer = witness.cosign(answer, tail.proof_from(answer), made.stored.note)
        if isinstance(answer, int):
            raise WitnessUnavailableError(
                f"The witness {witness.key.name} did not sign: it has seen {answer} entries of "
                f"{made.checkpoint.origin}, and the ledger has {made.size}",
                {"witness": witness.key.name, "seen": answer, "size": made.size},
            )
        return answer


def leaves_of(entries: Sequence[LedgerEntry]) -> list[bytes]:
    """
    The leaves of `entries`, oldest first: their manifests, and the digest of each void between
    them, so that leaf n has number n.
    """
    leaves: list[bytes] = []
    for place, entry in enumerate(entries):
        if place or entry.previous is None:
            leaves += [VOID + str(digest).encode() for _, digest in sorted(entry.voided.items())]
        leaves.append(entry.manifest.content)
    return leaves


@dataclass(frozen=True)
class CheckpointSource:
    """
    Opens the checkpoints when they are first used, since most commands do not need them.

    With `max_unwitnessed`, changes wait until a witness has signed every older entry.
    """

    open: Callable[[], Checkpoints]
    max_unwitnessed: timedelta | None = None


def _cosigned(
    made: SignedCheckpoint,
    cosigned: Mapping[NoteKey, NoteSignature],
    refusals: Mapping[str, str],
) -> SignedCheckpoint:
    note, known = made.stored.note, {*made.stored.note.signatures}
    added = tuple(each for each in cosigned.values() if each not in known)
    signed = SignedNote(note.text, (*note.signatures, *added))
    stored = StoredCheckpoint(signed, made.stored.before)
    return SignedCheckpoint(stored, made.checkpoint, cosigned, refusals)


def _rewritten(environment: str, known: SignedCheckpoint, fault: str) -> LedgerUnreadableError:
    return LedgerUnreadableError(
        f"The ledger of '{environment}' was cut or rewritten: {fault}, and the checkpoint of "
        f"entry {known.size} signs another one. Nothing is signed. "
        f"Run: floe platform audit verify --env {environment}"
    )
