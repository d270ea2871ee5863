"""Exports a ledger as a static log: tiles, entries, records, checkpoint and keys."""

import logging
from collections.abc import Iterable
from pathlib import Path

from engine.audit.checkpoints import Checkpoints, leaves_of
from engine.audit.policies import Policies
from engine.domain.artifact import Digest
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError, UnconfiguredError
from engine.domain.ledger import LedgerEntry
from engine.domain.scan import MAX_DOCUMENT_BYTES, findings_of
from engine.domain.tlog.checkpoint import Checkpoint
from engine.domain.tlog.merkle import leaf_hash
from engine.domain.tlog.note import NoteKey, SignedNote
from engine.domain.tlog.tiles import bundle_paths, hash_tiles, pack_entries
from engine.ports import Progress, RegistryReader

_log = logging.getLogger(__name__)
CHECKPOINT_FILE = "checkpoint"
KEYS_FILE = "keys"
ENTRY_KEYS_FILE = "entry-keys.pem"
CERTIFICATES_FILE = "timestamp-certificates.pem"
# A record has a few KiB, more with scans of thousands of findings.
MAX_BLOB_BYTES = 16 * 1024 * 1024


def blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def export_log(
    checkpoints: Checkpoints,
    registry: RegistryReader,
    environment: str,
    target: Path,
    progress: Progress,
) -> Checkpoint | None:
    """
    Write the ledger of `environment` into the directory `target`; None for an empty one.

    Without a signing key, the export ends with the stored checkpoint; UnconfiguredError without
    one. OSError if `target` cannot be written.
    """
    note = _newest_note(checkpoints, environment)
    if note is None:
        # Its directory says that the ledger is empty, and was not left out.
        target.mkdir(parents=True)
        return None
    checkpoint = Checkpoint.parse(note.text)
    entries = checkpoints.ledger.history(environment, checkpoint.size, checkpoint.size + 1)[::-1]
    leaves = leaves_of(entries)
    places = zip(bundle_paths(len(leaves)), range(0, len(leaves), 256), strict=True)
    for (path, count), start in places:
        _write(target / path, pack_entries(leaves[start : start + count]))
    for path, tile in hash_tiles([leaf_hash(each) for each in leaves]):
        _write(target / path, tile)
    policies = Policies.of(registry)
    for digest in {entry.record.policy_digest for entry in entries}:
        if document := policies.find(digest):
            _write(target / blob_path(digest), document.content)
    for digest in {found for entry in entries if (found := findings_of(entry.record))}:
        _write_findings(registry, digest, target)
    for entry in entries:
        text = f"exporting the ledger of {environment}"
        progress.advance(text, entry.sequence, checkpoint.size, "entries")
        _write_blobs(registry, entry, target)
    _write_keys(checkpoints, environment, target)
    _write(target / CHECKPOINT_FILE, str(note).encode())
    return checkpoint


def _write_keys(checkpoints: Checkpoints, environment: str, target: Path) -> None:
    """Write the keys of checkpoints, and those of entries and of their timestamps, if any."""
    _write(target / KEYS_FILE, _lines(_keys(checkpoints, environment)))
    if pems := checkpoints.entry_keys():
        _write(target / ENTRY_KEYS_FILE, "".join(pems).encode())
    if checkpoints.timestamp_certificates:
        _write(target / CERTIFICATES_FILE, checkpoints.timestamp_certificates)


def _newest_note(checkpoints: Checkpoints, environment: str) -> SignedNote | None:
    if checkpoints.signer is not None:
        signed = checkpoints.sign(environment)
        return signed[0].stored.note if signed else None
    known = checkpoints.read(environment)
    if known is None and checkpoints.ledger.head(environment) is not None:
        raise UnconfiguredError(
            f"The ledger of {environment} has no checkpoint by a known key, and there is no key to "
            "sign one here: run floe platform audit checkpoint where ledger.checkpoint.key is set"
        )
    return known.stored.note if known else None


def _write_blobs(registry: RegistryReader, entry: LedgerEntry, target: Path) -> None:
    """Write the content that the manifest of `entry` names; the record is known already."""
    record = entry.record.to_bytes()
    view = entry.manifest.view
    named = {each.digest for each in (view.config, *(view.layers or ())) if each}
    for digest in named:
        same = digest == str(Digest.of(record))
        _write(
            target / blob_path(digest), record if same else registry.blob(digest, MAX_BLOB_BYTES)
        )


def _write_findings(registry: RegistryReader, digest: str, target: Path) -> None:
    """Write the findings that a record names; no rule of the audit depends on them."""
    try:
        _write(target / blob_path(digest), registry.blob(digest, MAX_DOCUMENT_BYTES))
    except RegistryRefusalError:
        raise
    except RegistryAnswerError as error:
        _log.warning("the findings %s are not exported: %s", digest, error)


def _keys(checkpoints: Checkpoints, environment: str) -> list[NoteKey]:
    return [*checkpoints.keys(environment), *(each.key for each in checkpoints.witnesses)]


def _lines(keys: Iterable[NoteKey]) -> bytes:
    return "".join(f"{key}\n" for key in keys).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
