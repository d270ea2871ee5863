"""Inspects one stored ledger entry for an audit; faults are returned and not raised."""

import json
from collections.abc import Sequence
from datetime import datetime

from engine.adapters.ledger.encoding import annotated_record, artifact_type, decode, is_shortened
from engine.adapters.ledger.sealing import (
    Seal,
    Sealing,
    inline_bundle,
    open_seal,
    sealed_kind,
)
from engine.attestation.bundle import BUNDLE_V03
from engine.attestation.refusal import Refused
from engine.domain.annotations import record_annotations, record_from_annotations
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import Fault, InspectedEntry, RemarkKind
from engine.domain.canonical import canonical_json
from engine.domain.errors import ContentMissingError, RegistryAnswerError, RegistryRefusalError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.public_key import PublicKey
from engine.domain.record import AnyRecord, record_from_bytes
from engine.domain.text import printable
from engine.ports import RegistryReader
from engine.ports.signer import TimestampVerifier, TrustedKeys

# Error messages of validators can quote their whole input.
_MAX_FAULT_CHARACTERS = 300


def inspect(
    reader: RegistryReader,
    environment: str,
    reference: Tag | Digest,
    limit: int,
    sealing: Sealing,
    known: Sequence[PublicKey] = (),
    *,
    whole: bool = False,
) -> InspectedEntry | None:
    """
    The content at `reference` in the ledger of `environment`; None if there is none.

    Its signer is found among the `trusted` keys, those that it names itself, and `known` ones.
    Only with `whole` is a blob read whose content the manifest has too. At most `limit` bytes of a
    record are read. Raises RegistryUnavailableError only if the
    registry itself does not answer.
    """
    try:
        manifest = reader.fetch(reference)
    except RegistryRefusalError:
        raise
    except RegistryAnswerError as error:
        return InspectedEntry(None, None, (_unreadable("its manifest", error),))
    if manifest is None:
        return None
    return _inspect(reader, environment, manifest, limit, sealing, known, whole)


def _inspect(
    reader: RegistryReader,
    environment: str,
    manifest: Manifest,
    limit: int,
    sealing: Sealing,
    known: Sequence[PublicKey],
    whole: bool,
) -> InspectedEntry:
    verifies = sealing.trusted is not None
    try:
        content, faults = _read_blob(reader, manifest, limit, whole)
        found: Seal | None = None
        if content is not None:
            found, faults = _open_blob(manifest, content, sealing.trusted, known)
        record, signer = (found.record, found.signer) if found else (None, None)
        entry = decode(manifest, record, signer)
        times, wrong = _verify_timestamps(found, sealing.timestamps)
        return InspectedEntry(
            manifest.digest,
            entry,
            (*faults, *_faults(entry, record, environment), *wrong),
            untrusted=verifies and signer is None,
            listed=bool(signer and sealing.trusted and sealing.trusted.is_listed(signer)),
            stamped=bool(found and found.timestamps),
            timestamp=min(times, default=None),
        )
    except ValueError as error:
        fault = _altered(f"it is not a ledger entry ({error})")
        return InspectedEntry(manifest.digest, None, (fault,), verifies)


def _read_blob(
    reader: RegistryReader, manifest: Manifest, limit: int, whole: bool
) -> tuple[bytes | None, tuple[Fault, ...]]:
    """The blob with the record, or None with the faults that prevent reading it."""
    config, layers = manifest.view.config, manifest.view.layers or ()
    if (content := inline_bundle(manifest)) is not None and not whole:
        return content, ()
    if config is None or [layer.digest for layer in layers] != [config.digest]:
        return None, (_altered("its manifest does not name exactly one record"),)
    if not whole and (content := annotated_record(manifest)) is not None:
        return content, ()
    try:
        return reader.blob(config.digest, limit), ()
    except RegistryRefusalError:
        # Missing access says nothing about the content, so it is not a fault of the entry.
        raise
    except RegistryAnswerError as error:
        return None, (_unreadable("its record", error),)


def _open_blob(
    manifest: Manifest,
    content: bytes,
    trusted: TrustedKeys | None,
    known: Sequence[PublicKey],
) -> tuple[Seal | None, tuple[Fault, ...]]:
    """The whole record with its signature, and the faults of the blob."""
    try:
        if sealed_kind(manifest) is not None:
            found = open_seal(manifest, content, trusted, known)
        else:
            found = Seal(record_from_bytes(content), None)
        if canonical_json(json.loads(content)) != content:
            fault = _altered("its record is not in canonical JSON, which floe writes")
            return found, (fault,)
    except ValueError as error:
        return None, (_altered(f"its record cannot be parsed ({error})"),)
    return found, ()


def _verify_timestamps(
    found: Seal | None, verifier: TimestampVerifier | None
) -> tuple[list[datetime], list[Fault]]:
    """The times of valid timestamps of the signature, and faults for the others."""
    times, faults = list[datetime](), list[Fault]()
    if found is None or verifier is None:
        return times, faults
    for timestamp in found.timestamps:
        try:
            times.append(verifier.verify(timestamp, found.signature))
        except Refused as error:
            text = printable(f"its timestamp does not verify ({error})")
            faults.append(Fault(RemarkKind.TIMESTAMP, text[:_MAX_FAULT_CHARACTERS]))
    return times, faults


def _faults(entry: LedgerEntry, record: AnyRecord | None, environment: str) -> tuple[Fault, ...]:
    """Contradictions between `entry`, its own record and the ledger it is stored in."""
    found = []
    subject = entry.manifest.view.subject
    if record is not None and (differing := _differing(entry.manifest, record)):
        found.append(f"its annotations and its record differ in {', '.join(differing)}")
    kinds = (artifact_type(entry.record.kind), BUNDLE_V03)
    if entry.manifest.view.artifact_type not in kinds:
        found.append(f"its manifest has another type than its record, a {entry.record.kind}")
    if {entry.environment, entry.record.ledger} != {environment}:
        found.append(f"it belongs to the ledger of '{entry.record.ledger}'")
    if subject is not None and subject.digest != entry.record.subject_digest:
        found.append("it is attached to a different artifact than its record names")
    return tuple(_altered(text) for text in found)


def _differing(manifest: Manifest, record: AnyRecord) -> list[str]:
    """Names of the fields that differ between the annotations of `manifest` and `record`."""
    annotations, kind = manifest.view.annotations, record.kind
    if is_shortened(manifest):
        # With room 0 only the fields remain that are never shortened.
        core = record_annotations(record, room=0)
        names = [key for key, text in core.items() if annotations.get(key) != text]
        return sorted(name.removeprefix(f"dev.floe.{kind}.") for name in names)
    annotated = record_from_annotations(kind, annotations)
    expected, actual = record.model_dump(), annotated.model_dump() if annotated else {}
    return sorted(name for name in expected if expected[name] != actual.get(name))


def _altered(text: str) -> Fault:
    return Fault(RemarkKind.ALTERED, printable(text)[:_MAX_FAULT_CHARACTERS])


def _unreadable(part: str, error: RegistryAnswerError) -> Fault:
    if isinstance(error, ContentMissingError):
        return Fault(RemarkKind.MISSING, f"{part} is missing ({error})")
    return Fault(RemarkKind.ALTERED, f"{part} cannot be read ({error})")
