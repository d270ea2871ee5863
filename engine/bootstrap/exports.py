"""Opens the ledger of an export, with the keys that judge its entries."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from engine.adapters.ledger.ledger import RegistryLedgerReader
from engine.adapters.ledger.sealing import Sealing, sealed_kind
from engine.adapters.tlog.exported_registry import ExportedRegistry
from engine.audit.checkpoints import VOID
from engine.audit.export import CERTIFICATES_FILE, ENTRY_KEYS_FILE
from engine.audit.export_verifier import LogFiles
from engine.audit.findings import Remarks
from engine.bootstrap.timestamps import load_certificates
from engine.domain.audit import RemarkKind
from engine.domain.errors import ConfigError, UsageError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.ports import LedgerReader
from engine.ports.signer import TimestampVerifier

_SPKI = bytes.fromhex("302a300506032b6570032100")
_END = b"-----END PUBLIC KEY-----\n"
_PEM = b"-----BEGIN "
_CERTIFICATE = b"-----BEGIN CERTIFICATE"
_MAX_BYTES = 64 * 1024
_MAX_CERTIFICATES = 1024 * 1024

# Keys in PEM; those of Ed25519 also raw, since they can sign checkpoints too.
GivenKeys = Sequence[tuple[str, bytes | None]]


def split_certificates(keys: Iterable[str]) -> tuple[TimestampVerifier | None, list[str]]:
    """
    Load the files among `keys` that hold certificates, and return the other keys. UsageError for a
    file that holds both.
    """
    others, pems = list[str](), list[bytes]()
    for each in keys:
        content = _read_file(Path(each))
        if _CERTIFICATE in content:
            if content.count(_PEM) > content.count(_CERTIFICATE):
                raise UsageError(
                    f"{each} holds certificates and something else: put the key into a file of its "
                    "own, and give both files with --key"
                )
            pems.append(content)
        else:
            others.append(each)
    return (load_certificates(b"\n".join(pems), "--key") if pems else None), others


def _read_file(path: Path) -> bytes:
    """The first bytes of a file; none if it is not one, or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_CERTIFICATES)
    except (OSError, ValueError):
        return b""


def open_export(
    given: GivenKeys,
    certificates: TimestampVerifier | None,
    files: LogFiles,
    environment: str,
    entries: Sequence[bytes],
    remarks: Remarks,
) -> tuple[LedgerReader, bool]:
    """
    The ledger whose manifests are `entries`, and whether the signatures of those are judged.

    Without `certificates`, those of the export verify timestamps.
    """
    timestamps = certificates or _own_certificates(files, remarks)
    registry = _registry(files, environment, entries)
    opened = partial(_reader, registry, timestamps)
    ledger = opened([pem.encode() for pem, _ in given])
    if not all(raw and files.is_signed_by(raw) for _, raw in given):
        return ledger, True
    # The given keys sign the checkpoint. Only if one also signs entries, it is a key of entries.
    seen = (ledger.inspect_tag(environment, n + 1) for n in range(len(entries) if given else 0))
    if any(each and each.listed for each in seen):
        return ledger, True
    own = files.read(ENTRY_KEYS_FILE, _MAX_BYTES) or b""
    if own or any(sealed_kind(each) for each in registry.tagged.values()):
        _note_unconfirmed(files, own, remarks)
    return _open_with_own_keys(opened, own, remarks)


def _registry(files: LogFiles, environment: str, entries: Sequence[bytes]) -> ExportedRegistry:
    manifests = [Manifest(content, IMAGE_MANIFEST) for content in entries]
    registry = ExportedRegistry(files.directory, {})
    tag = RegistryLedgerReader(registry).tag
    for sequence, manifest in enumerate(manifests, 1):
        if not manifest.content.startswith(VOID):
            registry.tagged[tag(environment, sequence)] = manifest
    registry.tagged[tag(environment, None)] = manifests[-1]
    return registry


def _reader(
    registry: ExportedRegistry, timestamps: TimestampVerifier | None, pems: Sequence[bytes] | None
) -> RegistryLedgerReader:
    ring = None if pems is None else import_module("engine.adapters.signing.trust").KeyRing(pems)
    return RegistryLedgerReader(registry, sealing=Sealing(trusted=ring, timestamps=timestamps))


def _open_with_own_keys(
    opened: Callable[[Sequence[bytes] | None], LedgerReader], own: bytes, remarks: Remarks
) -> tuple[LedgerReader, bool]:
    pems = [pem + _END for pem in own.split(_END) if pem.strip()]
    try:
        if pems:
            return opened(pems), True
    except ConfigError as error:
        remarks.problem(RemarkKind.ALTERED, f"{ENTRY_KEYS_FILE} of the export: {error}")
    return opened(None), False


def _own_certificates(files: LogFiles, remarks: Remarks) -> TimestampVerifier | None:
    """The verifier with the certificates of the export; None if it has none."""
    own = files.read(CERTIFICATES_FILE, _MAX_CERTIFICATES)
    if own is None:
        return None
    try:
        found = load_certificates(own, CERTIFICATES_FILE)
    except ConfigError as error:
        remarks.problem(RemarkKind.ALTERED, f"The export is damaged: {error}")
        return None
    remarks.note(
        RemarkKind.UNCONFIRMED,
        f"The certificates that verify the timestamps of {remarks.environment} come from the "
        f"export itself: compare {files.directory / CERTIFICATES_FILE} with those you know, or "
        "give them with --key",
    )
    return found


def raw_ed25519(der: bytes) -> bytes | None:
    """The raw form of a public key; None unless it is Ed25519."""
    return der.removeprefix(_SPKI) if der.startswith(_SPKI) else None


def _note_unconfirmed(files: LogFiles, own: bytes, remarks: Remarks) -> None:
    place = files.directory / ENTRY_KEYS_FILE
    remarks.note(
        RemarkKind.UNCONFIRMED,
        f"The keys of the entries of {remarks.environment} come from the export itself: compare "
        f"{place} with the keys you know, or give them with --key"
        if own
        else f"The signatures of the entries of {remarks.environment} are not verified, since the "
        "export has no keys of entries: give them with --key",
    )
