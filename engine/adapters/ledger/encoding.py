"""Encodes ledger entries as OCI image manifests, and decodes them."""

import re
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import from_json

from engine.adapters.ledger.sealing import (
    KEYS,
    IssueTimestamp,
    seal,
    seal_annotations,
    sealed_kind,
    with_inline_bundle,
)
from engine.attestation.bundle import BUNDLE_V03, no_timestamp
from engine.domain.annotations import MAX_BYTES, record_annotations, record_from_annotations
from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.key_trust import KeyState
from engine.domain.ledger import LedgerDraft, LedgerEntry
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.record import RECORD_KINDS, AnyRecord
from engine.domain.record_index import Link, RecordIndex
from engine.domain.state import EnvironmentState, LockState
from engine.ports.signer import Signer

LEDGER = "dev.floe.ledger."
STATE = "dev.floe.state."
WAIVERS = f"{STATE}waivers"
CREATED = "org.opencontainers.image.created"
SHORTENED = ".shortened"
# The parts of a state with an annotation in JSON.
_NESTED = ("lock", "keys", "waivers", "reviews", "quarantined")
# Environment names have no dots.
_SEQUENCE_TAG = re.compile(
    r"floe-ledger\.(?P<environment>[^.]+)\.(?P<sequence>[1-9][0-9]{0,17})", re.ASCII
)


def artifact_type(kind: str) -> str:
    return f"application/vnd.floe.{kind}.v1+json"


def head_tag(environment: str) -> Tag:
    """The tag that hints at the newest entry. Unlike the tags of entries, it moves."""
    return Tag(f"floe-head.{environment}")


def sequence_tag(environment: str, sequence: int) -> Tag:
    return Tag(f"floe-ledger.{environment}.{sequence}")


def read_sequence_tag(tag: Tag) -> tuple[str, int] | None:
    """Parse `tag` into environment and sequence; None if it is not a sequence tag."""
    found = _SEQUENCE_TAG.fullmatch(tag.name)
    return (found["environment"], int(found["sequence"])) if found else None


def encode(
    draft: LedgerDraft, signer: Signer | None = None, timestamp: IssueTimestamp = no_timestamp
) -> tuple[Manifest, bytes]:
    """
    The manifest of `draft`, and the blob that is both its config and its layer.

    The blob is the whole record, or with `signer` a bundle that contains it, with the `timestamp`
    of its signature.
    """
    links = _links(draft) | _state(draft.state) | {CREATED: draft.record.at.isoformat()}
    room = MAX_BYTES - sum(len(k.encode()) + len(v.encode()) for k, v in links.items())
    annotations = links | record_annotations(draft.record, room)
    if signer is None:
        content, kind = draft.record.to_bytes(), artifact_type(draft.record.kind)
    else:
        content, kind = seal(draft, links, signer, timestamp), BUNDLE_V03
        annotations |= seal_annotations(draft)
    blob: dict[str, object] = {
        "mediaType": kind,
        "digest": str(Digest.of(content)),
        "size": len(content),
    }
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": kind,
        "config": blob,
        "layers": [blob],
        "annotations": annotations,
    }
    if draft.subject is not None:
        document["subject"] = draft.subject.to_json()
    if signer is not None:
        document = with_inline_bundle(document, content)
    return Manifest(canonical_json(document), IMAGE_MANIFEST), content


def decode(
    manifest: Manifest, record: AnyRecord | None = None, signer: str | None = None
) -> LedgerEntry:
    """
    The entry in `manifest`; ValueError if it is not a ledger entry.

    `record` is the record read from the blob. It is required for a signed entry, and if the
    annotations were shortened (`is_shortened`); otherwise it defaults to the record in the
    annotations. `signer` is the key that signed the entry.
    """
    annotations = manifest.view.annotations
    kind = _kind(manifest)
    try:
        found = record or record_from_annotations(kind, annotations)
        if found is None:
            raise ValueError("its annotations were shortened and its blob was not read")
        sequence = int(annotations[f"{LEDGER}sequence"])
        if sequence < 1:
            raise ValueError(f"{manifest.digest.short} has an invalid sequence: {sequence}")
        return LedgerEntry(
            environment=annotations[f"{LEDGER}environment"],
            sequence=sequence,
            ancestors=_read_links(annotations, "ancestors"),
            voided=_read_links(annotations, "voided"),
            index=_read_index(annotations),
            record=found,
            state=_read_state(annotations),
            manifest=manifest,
            signer=signer,
        )
    except (KeyError, ValidationError) as error:
        raise ValueError(f"{manifest.digest.short} is not a ledger entry: {error}") from error


def is_shortened(manifest: Manifest) -> bool:
    return f"dev.floe.{_kind(manifest)}{SHORTENED}" in manifest.view.annotations


def annotated_record(manifest: Manifest) -> bytes | None:
    """The content of the blob, if the annotations have all of it; None for a signed entry."""
    config = manifest.view.config
    try:
        record = record_from_annotations(_kind(manifest), manifest.view.annotations)
    except ValueError:
        return None
    content = record.to_bytes() if record else b""
    return content if config and str(Digest.of(content)) == config.digest else None


def _kind(manifest: Manifest) -> str:
    sealed = sealed_kind(manifest)
    for kind in RECORD_KINDS:
        if kind == sealed or manifest.view.artifact_type == artifact_type(kind):
            return kind
    raise ValueError(
        f"{manifest.digest.short} is not a ledger entry: its type is {manifest.artifact_type}"
    )


def _links(draft: LedgerDraft) -> dict[str, str]:
    links = {
        f"{LEDGER}environment": draft.environment,
        f"{LEDGER}sequence": str(draft.sequence),
    }
    if draft.ancestors:
        links[f"{LEDGER}previous"] = str(draft.ancestors[max(draft.ancestors)])
    for name, listed in (("ancestors", draft.ancestors), ("voided", draft.voided)):
        if listed:
            pairs = sorted(listed.items(), reverse=True)
            links[f"{LEDGER}{name}"] = ",".join(f"{place}={digest}" for place, digest in pairs)
    if draft.index:
        links[f"{LEDGER}index"] = ",".join(
            f"{prefix}={link.sequence}={link.digest}" for prefix, link in draft.index.items()
        )
    return links


def _read_index(annotations: Mapping[str, str]) -> RecordIndex:
    listed = annotations.get(f"{LEDGER}index")
    if not listed:
        return {}
    triples = (entry.split("=", 2) for entry in listed.split(","))
    return {prefix: Link(int(place), Digest(digest)) for prefix, place, digest in triples}


def _read_links(annotations: Mapping[str, str], name: str) -> dict[int, Digest]:
    listed = annotations.get(f"{LEDGER}{name}")
    if not listed:
        return {}
    pairs = (entry.split("=", 1) for entry in listed.split(","))
    return {int(place): Digest(digest) for place, digest in pairs}


def _state(state: EnvironmentState) -> dict[str, str]:
    fields = state.model_dump(mode="json", exclude_none=True, exclude=set(_NESTED))
    annotations = {f"{STATE}{name}": str(value) for name, value in fields.items()}
    annotations[f"{STATE}locked"] = "true" if state.lock else "false"
    if state.lock:
        annotations[f"{STATE}lock"] = canonical_json(state.lock.model_dump(mode="json")).decode()
    if state.reviews:
        reviews = [each.model_dump(mode="json") for each in state.reviews]
        annotations[f"{STATE}reviews"] = canonical_json(reviews).decode()
    if state.keys:
        keys = state.keys.model_dump(mode="json", exclude_none=True)
        annotations[KEYS] = canonical_json(keys).decode()
    if state.waivers:
        waivers = [each.model_dump(mode="json") for each in state.waivers]
        annotations[WAIVERS] = canonical_json(waivers).decode()
    if state.quarantined:
        left = [each.model_dump(mode="json") for each in state.quarantined]
        annotations[f"{STATE}quarantined"] = canonical_json(left).decode()
    return annotations


def _read_state(annotations: Mapping[str, str]) -> EnvironmentState:
    fields: dict[str, object] = {
        name: annotations[f"{STATE}{name}"]
        for name in EnvironmentState.model_fields
        if name not in _NESTED and f"{STATE}{name}" in annotations
    }
    if annotations[f"{STATE}locked"] == "true":
        fields["lock"] = LockState.model_validate_json(annotations[f"{STATE}lock"])
    if f"{STATE}reviews" in annotations:
        fields["reviews"] = from_json(annotations[f"{STATE}reviews"])
    if KEYS in annotations:
        fields["keys"] = KeyState.model_validate_json(annotations[KEYS])
    if WAIVERS in annotations:
        fields["waivers"] = from_json(annotations[WAIVERS])
    if quarantined := annotations.get(f"{STATE}quarantined"):
        fields["quarantined"] = from_json(quarantined)
    return EnvironmentState.model_validate(fields)
