"""Verifies the files of an exported log by its checkpoint."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from engine.audit.anchors import check_anchors
from engine.audit.chain_verifier import Chain, ChainSummary
from engine.audit.checked_ledger import CheckedLedger, find_complete
from engine.audit.export import CHECKPOINT_FILE, KEYS_FILE, blob_path
from engine.audit.export_signatures import judge_signatures
from engine.audit.findings import Remarks
from engine.audit.head_verifier import check_hint
from engine.audit.meaning_verifier import MeaningVerifier
from engine.audit.past_moves import PastMoves, ReadMoves
from engine.audit.policies import Policies
from engine.audit.signatures import Signatures
from engine.audit.snapshot import Snapshot
from engine.audit.timestamps import Timestamps
from engine.domain.artifact import Digest
from engine.domain.audit import Anchor, EnvironmentAudit, RemarkKind
from engine.domain.errors import (
    ContentMissingError,
    LedgerUnreadableError,
    RegistryAnswerError,
    RegistryUnavailableError,
)
from engine.domain.tlog.checkpoint import Checkpoint
from engine.domain.tlog.merkle import Hash, leaf_hash, root_of
from engine.domain.tlog.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    NoteKey,
    SignedNote,
    VerifySignature,
)
from engine.domain.tlog.tiles import (
    MAX_ENTRY_BYTES,
    WIDTH,
    bundle_paths,
    hash_tiles,
    unpack_entries,
)
from engine.ports import LedgerReader, Progress

_AGAIN = "export the log again from its registry, and find out who changed this copy"
_MAX_FILE_BYTES = WIDTH * (MAX_ENTRY_BYTES + 2)


@dataclass(frozen=True)
class LogFiles:
    """
    An exported log. `keys` verify its checkpoint, raw public keys as keys of this log; without
    any, the keys in the export do.
    """

    directory: Path
    keys: tuple[NoteKey | bytes, ...]
    check: VerifySignature

    def checkpoint(self, remarks: Remarks) -> Checkpoint | None:
        """Read the checkpoint; None with a problem if no key of the log signed it."""
        try:
            note = SignedNote.parse(self.read(CHECKPOINT_FILE, MAX_NOTE_BYTES) or b"")
            checkpoint = Checkpoint.parse(note.text)
            signed = note.signed_by(self._keys(checkpoint.origin), self.check)
        except ValueError as error:
            remarks.problem(
                RemarkKind.CHECKPOINT,
                f"The checkpoint in {self.directory} is not valid: {error}: {_AGAIN}",
            )
            return None
        names = [each.name for each in signed if each.kind == ED25519]
        if checkpoint.origin not in names:
            remarks.problem(
                RemarkKind.CHECKPOINT,
                f"The checkpoint in {self.directory} is not signed by a known key of "
                f"{checkpoint.origin}: give the verifier key of this log with --key",
            )
            return None
        if not self.keys:
            remarks.note(
                RemarkKind.UNCONFIRMED,
                f"The keys of {checkpoint.origin} come from the export itself: compare "
                f"{self.directory / KEYS_FILE} with the keys you know, or give them with --key",
            )
        for key, signature in signed.items():
            if key.kind == COSIGNATURE:
                at = datetime.fromtimestamp(signature.seconds, UTC)
                remarks.note(
                    RemarkKind.WITNESSED,
                    f"{key.name} had seen these {checkpoint.size} entries at "
                    f"{at:%Y-%m-%d %H:%M:%S} UTC, and nothing that contradicts them",
                )
        return checkpoint

    def entries(self, checkpoint: Checkpoint, remarks: Remarks) -> tuple[bytes, ...] | None:
        """Read all entries; None with problems if they are not those of `checkpoint`."""
        found = list(self._entries(checkpoint.size))
        hashes = [leaf_hash(each) if each is not None else None for each in found]
        leaves = self._signed_leaves(hashes, checkpoint)
        if leaves is None:
            remarks.problem(
                RemarkKind.CHECKPOINT,
                f"The files in {self.directory} are not those of the {checkpoint.size} entries "
                f"that the checkpoint signs: entries and tiles are missing or altered: {_AGAIN}",
            )
            return None
        for path, tile in hash_tiles(leaves):
            if self.read(path, len(tile)) != tile:
                remarks.problem(RemarkKind.ALTERED, f"{path} is missing or altered: {_AGAIN}")
        wrong = [n for n, leaf in enumerate(leaves, 1) if hashes[n - 1] != leaf]
        for _, run in groupby(enumerate(wrong), lambda pair: pair[1] - pair[0]):
            numbers = [number for _, number in run]
            remarks.unsigned(numbers[0], numbers[-1], _AGAIN)
        return None if wrong else tuple(each for each in found if each is not None)

    def blob(self, digest: str, limit: int) -> bytes:
        """Read a blob, as `RegistryReader.blob` does."""
        path = blob_path(digest)
        content = self.read(path, limit)
        if content is None:
            raise ContentMissingError(f"{path} is missing")
        if str(Digest.of(content)) != digest:
            raise RegistryAnswerError(f"{path} was altered: it does not have its digest")
        return content

    def is_signed_by(self, raw: bytes) -> bool:
        """Whether the raw key signed the checkpoint, which is readable."""
        note = SignedNote.parse(self.read(CHECKPOINT_FILE, MAX_NOTE_BYTES) or b"")
        return bool(note.signed_by([NoteKey(Checkpoint.parse(note.text).origin, raw)], self.check))

    def _signed_leaves(
        self, hashes: Sequence[Hash | None], checkpoint: Checkpoint
    ) -> Sequence[Hash] | None:
        """The leaves with the root of `checkpoint`: from the entries, or else from the tiles."""
        present = [each for each in hashes if each is not None]
        for leaves in (present, list(self._tile_leaves(checkpoint.size))):
            if len(leaves) == checkpoint.size and root_of(leaves) == checkpoint.root:
                return leaves
        return None

    def _entries(self, size: int) -> Iterator[bytes | None]:
        """Yield each entry, or None where its bundle is missing or ends early."""
        for path, count in bundle_paths(size):
            try:
                found = unpack_entries(self.read(path, _MAX_FILE_BYTES) or b"")[:count]
            except ValueError:
                found = ()
            yield from found
            yield from (None,) * (count - len(found))

    def _tile_leaves(self, size: int) -> Iterator[Hash]:
        for path, count in bundle_paths(size):
            tile = self.read(path.replace("entries", "0", 1), count * 32) or b""
            yield from (tile[start : start + 32] for start in range(0, len(tile), 32))

    def _keys(self, origin: str) -> list[NoteKey]:
        if self.keys:
            return [NoteKey(origin, k) if isinstance(k, bytes) else k for k in self.keys]
        content = self.read(KEYS_FILE, MAX_NOTE_BYTES) or b""
        return [NoteKey.parse(line) for line in content.decode().splitlines()]

    def read(self, path: str, limit: int) -> bytes | None:
        """Read a file; None if it is missing or has more than `limit` bytes."""
        try:
            with (self.directory / path).open("rb") as file:
                content = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RegistryUnavailableError(
                f"'{self.directory / path}' cannot be read: {error.strerror}"
            ) from error
        return content if len(content) <= limit else None


# Opens the ledger of an export from its files, environment and entries that the checkpoint signs;
# also returns whether the signatures of the entries are judged.
OpenLedger = Callable[[LogFiles, str, Sequence[bytes], Remarks], tuple[LedgerReader, bool]]


def verify_logs(
    logs: Iterable[LogFiles],
    empty: Collection[str],
    open_ledger: OpenLedger,
    pool: Executor,
    anchors: Sequence[Anchor],
    progress: Progress,
) -> tuple[EnvironmentAudit, ...]:
    """
    Verify the files of each log, then the chain of its entries and the meaning of all.

    `empty` are the environments whose ledgers had no entries.
    """
    found = [_verify_log(files, open_ledger, pool, anchors, progress) for files in logs]
    checked = {each.environment: each for each in found}
    for each in found:
        if each.meaning:
            each.meaning.finish(partial(_exported_moves, checked, empty))
    return tuple(each.audit for each in found)


def _exported_moves(
    checked: Mapping[str, CheckedLedger], empty: Collection[str], environment: str, _lookups: int
) -> PastMoves:
    if environment in empty:
        return ReadMoves()
    known = find_complete(checked, environment)
    if known is None:
        raise LedgerUnreadableError("this export does not contain it")
    return known.all_moves


def _verify_log(
    files: LogFiles,
    open_ledger: OpenLedger,
    pool: Executor,
    anchors: Sequence[Anchor],
    progress: Progress,
) -> CheckedLedger:
    remarks = Remarks(files.directory.name)
    checkpoint = files.checkpoint(remarks)
    entries = files.entries(checkpoint, remarks) if checkpoint else None
    if checkpoint is None or not entries:
        unread = ChainSummary(frozenset())
        return CheckedLedger(files.directory.name, None, unread, remarks, None)
    name = checkpoint.origin.rpartition("/")[2]
    ledger, judged = open_ledger(files, name, entries, remarks)
    head = ledger.inspect_tag(name, None)
    snapshot = Snapshot(name, head, head, {}, None, tuple(range(1, len(entries) + 1)), ())
    summary, policies = ChainSummary(frozenset()), Policies(files.blob)
    meaning = MeaningVerifier(name, ledger, policies.find, remarks, complete=True)
    check_hint(snapshot, remarks)
    timestamps = Timestamps(ledger.verifies_timestamps, remarks)
    signatures = Signatures(ledger, head.entry if head else None)
    chain = Chain(snapshot, ledger, pool, progress, remarks, signatures, whole=True)
    for place in chain.places():
        summary.add(place, remarks)
        meaning.add(place)
        timestamps.add(place)
    if judged:
        signatures.report_retired(remarks)
        judge_signatures(signatures.untrusted(), remarks)
    timestamps.note("give the certificates of the authority with --key")
    summary.check_policies(policies, remarks)
    mine = [each for each in anchors if each.environment == name]
    check_anchors(mine, head.entry if head else None, ledger, remarks)
    return CheckedLedger(name, head.digest if head else None, summary, remarks, meaning)
