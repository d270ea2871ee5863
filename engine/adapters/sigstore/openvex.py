"""Reads the OpenVEX documents that are attached to an artifact, if a trusted key signed them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from engine.adapters.sigstore.bundle import Bundle
from engine.adapters.sigstore.candidates import (
    MAX_BUNDLE_BYTES,
    MAX_CANDIDATES,
    Attached,
    Unread,
    attached_candidates,
)
from engine.adapters.sigstore.keyed import key_of
from engine.attestation.bundle import PREDICATE_TYPE
from engine.attestation.dsse import IN_TOTO, Envelope
from engine.attestation.keys import VerificationKey
from engine.attestation.refusal import Refused
from engine.attestation.wire import Wire, first_problem, parse
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import Descriptor
from engine.domain.openvex import CONTEXT, VexStatement, VexStatements, read_statements
from engine.ports import RegistryReader

_DSSE = "application/vnd.dsse.envelope.v1+json"
# Everyone with push access can attach documents, so all of them together are limited.
MAX_TOGETHER = 16 * 1024 * 1024
_TOO_LARGE = f"those before it have more than {MAX_TOGETHER} bytes together: remove old ones"
_UNSIGNED = ("application/vnd.openvex", "application/openvex", "text/vex")


@dataclass
class _Budget:
    """The bytes of attachments that may still be read."""

    left: int = MAX_TOGETHER


class _Subject(Wire):
    digest: dict[str, str]


class _Statement(Wire):
    """A statement of in-toto; cosign's older attestations have version 0.1."""

    type: Literal["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] = Field(
        alias="_type"
    )
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: dict[str, Any]


class _Foreign(Refused):
    """A document that no trusted key signed, or about another artifact."""


def read_signed_vex(
    registry: RegistryReader, artifact: Digest, keys: Sequence[VerificationKey]
) -> VexStatements:
    """
    The statements about `artifact` in documents that one of `keys` signed.

    None of them clears a finding if a document is unread, because it may be newer. An unreadable
    attachment that does not say that it is a document is only named.
    """
    found: list[VexStatement] = []
    foreign: list[str] = []
    unread: list[str] = []
    budget = _Budget()
    for candidate in _candidates(registry, artifact):
        if budget.left < 0:
            unread.append(f"{candidate.place}: {_TOO_LARGE}; until it is read, no document clears")
            break
        try:
            found += candidate.statements(registry, artifact, keys, budget)
        except _Foreign as error:
            foreign.append(f"{candidate.place}: {error}")
        except (Refused, RegistryAnswerError, ValueError) as error:
            why = first_problem(error) if isinstance(error, ValidationError) else error
            unread.append(f"{candidate.place}: {why}; until it is read, no document clears")
    kept = (each for each in found if not (unread and each.clears))
    return VexStatements(tuple(kept), (*unread, *foreign))


@dataclass(frozen=True, slots=True)
class _Layer:
    """An envelope under cosign's tag for attestations, from before bundles."""

    place: str
    layer: Descriptor

    def statements(
        self,
        registry: RegistryReader,
        artifact: Digest,
        keys: Sequence[VerificationKey],
        budget: "_Budget",
    ) -> tuple[VexStatement, ...]:
        if self.layer.media_type != _DSSE:
            raise _Foreign(f"a layer of the type {self.layer.media_type}, not an attestation")
        if self.layer.size > MAX_BUNDLE_BYTES:
            raise Refused(f"has {self.layer.size} bytes: at most {MAX_BUNDLE_BYTES} are read")
        budget.left -= self.layer.size
        content = registry.blob(self.layer.digest, MAX_BUNDLE_BYTES)
        envelope = parse(Envelope, content, "its envelope")
        return _verified(envelope, artifact, keys, self.layer.digest[:19])


@dataclass(frozen=True, slots=True)
class _Referrer:
    """A bundle, or an unsigned document, that refers to the artifact."""

    place: str
    attached: Attached

    def statements(
        self,
        registry: RegistryReader,
        artifact: Digest,
        keys: Sequence[VerificationKey],
        budget: "_Budget",
    ) -> tuple[VexStatement, ...]:
        listed = self.attached.listed
        if (listed.artifact_type or "").startswith(_UNSIGNED):
            raise _Foreign(
                "it is not signed. Attach it with: cosign attest --type openvex --predicate FILE"
            )
        if not listed.annotations.get(PREDICATE_TYPE, CONTEXT).startswith(CONTEXT):
            return ()
        try:
            content = self.attached.bundle(registry, artifact)
            budget.left -= len(content or b"")
            bundle = parse(Bundle, content, "its bundle") if content else None
        except RegistryAnswerError:
            # It may have been read up to this limit.
            budget.left -= MAX_BUNDLE_BYTES
            raise
        except Refused as refused:
            if PREDICATE_TYPE in listed.annotations:
                raise
            raise _Foreign(f"{refused}; nothing says that it is a document") from refused
        envelope = bundle.dsse_envelope if bundle else None
        return _verified(envelope, artifact, keys, listed.digest[:19]) if envelope else ()


@dataclass(frozen=True, slots=True)
class _Unread:
    place: str
    reason: str

    def statements(
        self,
        _registry: RegistryReader,
        _artifact: Digest,
        _keys: Sequence[VerificationKey],
        _budget: "_Budget",
    ) -> tuple[VexStatement, ...]:
        raise Refused(self.reason)


def _candidates(
    registry: RegistryReader, artifact: Digest
) -> Iterator[_Layer | _Referrer | _Unread]:
    place = f"tag sha256-{artifact.hex[:12]}….att"
    manifest = registry.fetch(Tag(f"sha256-{artifact.hex}.att"))
    try:
        layers = manifest.view.layers or () if manifest else ()
    except ValueError as error:
        yield _Unread(place, str(error))
        layers = ()
    likely = [
        each
        for each in layers
        if each.annotations.get("predicateType", CONTEXT).startswith(CONTEXT)
    ]
    # cosign adds new ones at the end.
    for layer in likely[-MAX_CANDIDATES:]:
        yield _Layer(layer.digest[:19], layer)
    if len(likely) > MAX_CANDIDATES:
        yield _Unread(place, f"only the last {MAX_CANDIDATES} of {len(likely)} are read")
    for candidate in attached_candidates(registry, artifact):
        if isinstance(candidate, Attached):
            yield _Referrer(candidate.listed.digest[:19], candidate)
        elif isinstance(candidate, Unread):
            yield _Unread(candidate.place, candidate.reason)


def _verified(
    envelope: Envelope, artifact: Digest, keys: Sequence[VerificationKey], source: str
) -> tuple[VexStatement, ...]:
    """The statements of a document that one of `keys` signed; none if it is another attestation."""
    if envelope.payload_type != IN_TOTO:
        return ()
    try:
        statement = parse(_Statement, envelope.payload, "its statement")
    except Refused:
        _require_key(envelope, keys)
        raise
    if not statement.predicate_type.startswith(CONTEXT):
        return ()
    if all(each.digest.get("sha256") != artifact.hex for each in statement.subject):
        raise _Foreign("its statement names another artifact")
    _require_key(envelope, keys)
    return read_statements(statement.predicate, artifact, source)


def _require_key(envelope: Envelope, keys: Sequence[VerificationKey]) -> None:
    try:
        key_of(keys, envelope.signature, envelope.message)
    except Refused as refused:
        raise _Foreign(str(refused)) from refused
