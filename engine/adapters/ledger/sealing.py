"""
Signed ledger entries: a sigstore bundle with a statement about the promoted artifact.

The predicate of the statement is the whole record. Its field `entry` has the links and the state,
so that a signature is valid at one place of one ledger only. docs/keys.md shows the format.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from engine.attestation.bundle import (
    BUNDLE_V03,
    PREDICATE_TYPE,
    bundle_annotations,
    no_timestamp,
    read_key_bundle,
    sign_statement,
)
from engine.attestation.refusal import Refused
from engine.attestation.statement import make_statement, predicate_type, read_statement
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json
from engine.domain.errors import TimestampUnavailableError
from engine.domain.key_trust import KeyState
from engine.domain.ledger import LedgerDraft
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.public_key import PublicKey
from engine.domain.record import AnyRecord, record_from_json
from engine.domain.tlog.tiles import MAX_ENTRY_BYTES
from engine.domain.upkeep_records import RotateRecord
from engine.ports.signer import (
    Signer,
    TimestampAuthority,
    TimestampVerifier,
    TrustedKeys,
)

# Issues the timestamp of a signature; None without one.
IssueTimestamp = Callable[[bytes], bytes | None]

KEYS = "dev.floe.state.keys"
_ENTRY = "entry"
_PREFIX = "dev.floe."
_SIGNED = ("dev.floe.ledger.", "dev.floe.state.")
# A lock only forbids more, and the others record requests without an effect.
_NEVER_WAIT = ("lock", "refusal", "rejection")
_TYPE = re.compile(r"https://floe\.dev/(?P<kind>[a-z]+)/[^/]+/v1", re.ASCII)


@dataclass(frozen=True)
class Sealing:
    """
    The key that signs entries, and the keys whose entries count; None if not configured.
    Rotations on the ledger add to these keys.

    Entries with a digest in `adopted` count without a signature. `authority` issues timestamps of
    signatures, and `timestamps` verifies them; with `timestamp_required` no change is made
    without one. Entries by `distrusted` keys count only before one by another key that links to
    them.
    """

    signer: Signer | None = None
    trusted: TrustedKeys | None = None
    adopted: frozenset[Digest] = frozenset()
    authority: TimestampAuthority | None = None
    timestamps: TimestampVerifier | None = None
    timestamp_required: bool = False
    distrusted: tuple[PublicKey, ...] = ()

    @cached_property
    def distrusted_ids(self) -> frozenset[str]:
        return frozenset(each.key_id for each in self.distrusted)

    def timestamp(
        self, record: AnyRecord, warn: Callable[[str], None], signature: bytes
    ) -> bytes | None:
        """
        Issue the timestamp of the `signature` of `record`; None without one, and `warn` if there
        should be one. TimestampUnavailableError if it is required.
        """
        if self.authority is None:
            return None
        try:
            return self.authority.issue(signature)
        except TimestampUnavailableError as error:
            if self.timestamp_required and record.kind not in _NEVER_WAIT:
                raise TimestampUnavailableError(
                    f"Nothing was written, since {error}. Run the same command again once the "
                    "authority answers, or set ledger.timestamp.required: false",
                    error.details,
                ) from error
            warn(f"This {record.kind} is on record without a timestamp, since {error}")
            return None


@dataclass(frozen=True)
class Seal:
    """
    The record of a signed entry; `signer` is the known key, None if it is by another.

    `timestamps` are answers of authorities about the `signature`; they are not verified.
    """

    record: AnyRecord
    signer: str | None
    signature: bytes = b""
    timestamps: tuple[bytes, ...] = ()


def seal(
    draft: LedgerDraft,
    annotations: Mapping[str, str],
    signer: Signer,
    timestamp: IssueTimestamp = no_timestamp,
) -> bytes:
    """Sign the record of `draft` with its links and state in `annotations`; returns the bundle."""
    record = draft.record
    predicate = record.model_dump(mode="json") | {_ENTRY: _signed_facts(annotations)}
    kind = predicate_type(record.kind, draft.environment)
    statement = make_statement(record.repository or "", _subject(draft), kind, predicate)
    return sign_statement(statement, signer.sign, signer.public_key(), timestamp)


def seal_annotations(draft: LedgerDraft) -> dict[str, str]:
    """The annotations by which cosign finds a bundle."""
    return bundle_annotations(predicate_type(draft.record.kind, draft.environment))


def with_inline_bundle(document: dict[str, object], content: bytes) -> dict[str, object]:
    """
    Put `content` into the descriptor of the only layer, so that an entry is read by one request.

    A large one stays a blob only: a manifest must fit into a tile of a transparency log.
    """
    inline = {"data": base64.b64encode(content).decode()}
    layers = [layer | inline for layer in cast(list[dict[str, object]], document["layers"])]
    extended = document | {"layers": layers}
    return extended if len(canonical_json(extended)) <= MAX_ENTRY_BYTES else document


def sealed_kind(described: Manifest | Descriptor) -> str | None:
    """The kind of record in a signed entry; None for anything else."""
    view = described.view if isinstance(described, Manifest) else described
    if view.artifact_type != BUNDLE_V03:
        return None
    found = _TYPE.fullmatch(view.annotations.get(PREDICATE_TYPE, ""))
    return found["kind"] if found else None


def inline_bundle(manifest: Manifest) -> bytes | None:
    """The bundle inside `manifest`; None if it is a blob. ValueError if it is another one."""
    layers = manifest.view.layers or ()
    if sealed_kind(manifest) is None or len(layers) != 1 or layers[0].data is None:
        return None
    layer = layers[0]
    content = base64.b64decode(layer.data or "", validate=True)
    if str(Digest.of(content)) != layer.digest:
        raise ValueError(f"{manifest.digest.short} has inline data of another digest")
    return content


def open_seal(
    manifest: Manifest,
    content: bytes,
    trusted: TrustedKeys | None,
    known: Iterable[PublicKey] = (),
) -> Seal:
    """
    The record in the bundle `content` of `manifest`, and the key that signed it.

    That is a listed key, one that the entry itself names, or one of `known`: whether it was
    trusted at its place is not judged here. ValueError if it does not belong to `manifest`.
    """
    try:
        bundle = read_key_bundle(content)
        statement = read_statement(bundle.payload)
        predicate = dict(statement.predicate)
        record = _record(manifest, predicate)
        _check(manifest, statement.predicate_type, statement.digest, record)
        envelope = bundle.envelope
        others = (*_named_keys(manifest, record), *known)
        signer = None
        if trusted:
            signer = trusted.find_signer(envelope.message, envelope.signature, others)
    except Refused as error:
        raise ValueError(f"{manifest.digest.short} is not a signed entry: {error}") from error
    return Seal(record, signer, envelope.signature, bundle.timestamps)


def _record(manifest: Manifest, predicate: dict[str, Any]) -> AnyRecord:
    """Parse the record; ValueError if the annotations differ from the signed links and state."""
    if predicate.pop(_ENTRY, None) != _signed_facts(manifest.view.annotations):
        raise ValueError(f"{manifest.digest.short} has other links than its signed statement")
    return record_from_json(predicate)


def _named_keys(manifest: Manifest, record: AnyRecord) -> Iterator[PublicKey]:
    """The keys in the state of the entry, and those that it retires, since one may sign that."""
    text = manifest.view.annotations.get(KEYS)
    if text is not None:
        yield from KeyState.model_validate_json(text).added
    if isinstance(record, RotateRecord):
        yield from record.retired


def _check(manifest: Manifest, kind: str, digest: Digest, record: AnyRecord) -> None:
    short, subject = manifest.digest.short, manifest.view.subject
    if kind != predicate_type(record.kind, record.ledger):
        raise ValueError(f"{short} has a statement of another type than its record: {kind}")
    if kind != manifest.view.annotations.get(PREDICATE_TYPE):
        raise ValueError(f"{short} is annotated with another type than its statement")
    if subject is not None and subject.digest != str(digest):
        raise ValueError(f"{short} is attached to another artifact than its statement names")


def _subject(draft: LedgerDraft) -> Digest:
    """The artifact; without one the previous entry, or for the first entry its own record."""
    if draft.subject is not None:
        return Digest(draft.subject.digest)
    if draft.ancestors:
        return draft.ancestors[max(draft.ancestors)]
    return Digest.of(draft.record.to_bytes())


def _signed_facts(annotations: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX): text
        for name, text in annotations.items()
        if name.startswith(_SIGNED)
    }
