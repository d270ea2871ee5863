"""A place of the ledger as it lies in the registry: what is wrong there is an answer."""

import json

from engine.adapters.ledger.encoding import artifact_type, decode, is_shortened
from engine.domain.annotations import record_annotations, record_from_annotations
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import Fault, InspectedEntry, RemarkKind
from engine.domain.canonical import canonical_json
from engine.domain.errors import ContentMissingError, RegistryAnswerError, RegistryRefusalError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.record import AnyRecord, record_from_bytes
from engine.domain.text import printable
from engine.ports import RegistryReader

# What a validator says of bytes somebody else wrote can be as long as those bytes.
_MAX_WORDS = 300


def inspect(
    reader: RegistryReader, environment: str, reference: Tag | Digest, limit: int
) -> InspectedEntry | None:
    """
    What lies at `reference` in the ledger of `environment`; None when nothing does.

    `limit` bytes of a record are read at most. RegistryError only when the registry
    itself cannot be asked.
    """
    try:
        manifest = reader.fetch(reference)
    except RegistryRefusalError:
        raise
    except RegistryAnswerError as error:
        return InspectedEntry(None, None, (_unreadable("its manifest", error),))
    if manifest is None:
        return None
    try:
        record, faults = _blob_record(reader, manifest, limit)
        entry = decode(manifest, record)
        return InspectedEntry(
            manifest.digest, entry, (*faults, *_faults(entry, record, environment))
        )
    except ValueError as error:
        return InspectedEntry(
            manifest.digest, None, (_altered(f"it is no ledger entry ({error})"),)
        )


def _blob_record(
    reader: RegistryReader, manifest: Manifest, limit: int
) -> tuple[AnyRecord | None, tuple[Fault, ...]]:
    """The whole record; None and why when there is none to read."""
    config, layers = manifest.view.config, manifest.view.layers or ()
    if config is None or [layer.digest for layer in layers] != [config.digest]:
        return None, (_altered("its manifest does not name one record"),)
    try:
        content = reader.blob(config.digest, limit)
    except RegistryRefusalError:
        # That is no word about the content: nobody is to be suspected for it.
        raise
    except RegistryAnswerError as error:
        return None, (_unreadable("its record", error),)
    try:
        record = record_from_bytes(content)
        if canonical_json(json.loads(content)) != content:
            return record, (_altered("its record is not written as floe writes records"),)
    except ValueError as error:
        return None, (_altered(f"its record cannot be understood ({error})"),)
    return record, ()


def _faults(entry: LedgerEntry, record: AnyRecord | None, environment: str) -> tuple[Fault, ...]:
    """What in `entry` contradicts its own record, or the ledger it lies in."""
    found = []
    subject = entry.manifest.view.subject
    if record is not None and (differing := _differing(entry.manifest, record)):
        found.append(f"its annotations and its record differ in {', '.join(differing)}")
    if entry.manifest.view.artifact_type != artifact_type(entry.record.kind):
        found.append(f"its manifest is of another kind than its record, a {entry.record.kind}")
    if {entry.environment, entry.record.ledger} != {environment}:
        found.append(f"it belongs to the ledger of '{entry.record.ledger}'")
    if subject is not None and subject.digest != entry.record.subject_digest:
        found.append("it is attached to another artifact than its record names")
    return tuple(_altered(text) for text in found)


def _differing(manifest: Manifest, record: AnyRecord) -> list[str]:
    """The fields in which the annotations of `manifest` say something else than `record`."""
    annotations, kind = manifest.view.annotations, record.kind
    if is_shortened(manifest):
        # With no room at all, what is left are the fields that are never shortened.
        core = record_annotations(record, room=0)
        names = [key for key, text in core.items() if annotations.get(key) != text]
        return sorted(name.removeprefix(f"dev.floe.{kind}.") for name in names)
    said = record_from_annotations(kind, annotations)
    mine, theirs = record.model_dump(), said.model_dump() if said else {}
    return sorted(name for name in mine if mine[name] != theirs.get(name))


def _altered(text: str) -> Fault:
    return Fault(RemarkKind.ALTERED, printable(text)[:_MAX_WORDS])


def _unreadable(what: str, error: RegistryAnswerError) -> Fault:
    gone = isinstance(error, ContentMissingError)
    fact = f"{what} is gone" if gone else f"{what} cannot be read"
    return Fault(RemarkKind.MISSING if gone else RemarkKind.ALTERED, f"{fact} ({error})")
