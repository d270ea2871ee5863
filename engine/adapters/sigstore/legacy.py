"""
Verifies cosign's signatures from before bundles: one layer each, with annotations.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import Field

from engine.adapters.sigstore.certificate import check_certificate, signing_key
from engine.adapters.sigstore.identity import Identity, TrustedIssuer, admit
from engine.adapters.sigstore.keyed import KeySignature, check_log, key_of
from engine.adapters.sigstore.logged import Signed
from engine.adapters.sigstore.payload import check_simple_signing
from engine.adapters.sigstore.root import TrustedRoot
from engine.adapters.sigstore.transparency import UNKNOWN_LOG, Entry, LogId, Promise, check_entry
from engine.attestation.keys import VerificationKey
from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Number, Wire, decode, parse
from engine.domain.artifact import Digest

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_REKOR = "dev.sigstore.cosign/bundle"


class _RekorPayload(Wire):
    body: Base64
    integrated_time: Number = Field(alias="integratedTime")
    log_index: Number = Field(alias="logIndex")
    log_id: str = Field(alias="logID", pattern=r"^[0-9a-f]{64}$")


class _Rekor(Wire):
    timestamp: Base64 = Field(alias="SignedEntryTimestamp")
    payload: _RekorPayload = Field(alias="Payload")

    def entry(self) -> Entry:
        return Entry.model_construct(
            log_index=self.payload.log_index,
            log_id=LogId.model_construct(key_id=bytes.fromhex(self.payload.log_id)),
            integrated_time=self.payload.integrated_time,
            inclusion_promise=Promise.model_construct(signed_entry_timestamp=self.timestamp),
            canonicalized_body=self.payload.body,
        )


@dataclass(frozen=True)
class LegacySignature:
    """One layer of a signature image: its payload and its parsed annotations."""

    payload: bytes
    signature: bytes
    certificate: x509.Certificate | None
    entry: Entry | None

    def signed(self, verifier: bytes) -> Signed:
        return Signed(self.payload, self.signature, verifier)


def read_legacy(payload: bytes, annotations: dict[str, str], artifact: Digest) -> LegacySignature:
    """Parse a signature of `artifact`; Refused if it is for another artifact or malformed."""
    check_simple_signing(payload, artifact)
    if _SIGNATURE not in annotations:
        raise Refused(f"its layer has no {_SIGNATURE} annotation")
    rekor = annotations.get(_REKOR)
    try:
        signature = decode(annotations[_SIGNATURE])
        pem = annotations.get(_CERTIFICATE)
        certificate = x509.load_pem_x509_certificate(pem.encode()) if pem else None
    except (ValueError, x509.InvalidVersion) as error:
        raise Refused(f"its annotations cannot be read: {error}") from error
    entry = parse(_Rekor, rekor, "its transparency log entry").entry() if rekor else None
    return LegacySignature(payload, signature, certificate, entry)


def verify_by_key(
    legacy: LegacySignature, keys: Sequence[VerificationKey], root: TrustedRoot
) -> KeySignature:
    """Verify that one of `keys` made the signature, else raise Refused."""
    key = key_of(keys, legacy.signature, legacy.payload)
    entries = [legacy.entry] if legacy.entry else []
    return KeySignature(key, check_log(entries, legacy.signed(key.der), root))


def verify_by_certificate(
    legacy: LegacySignature,
    certificate: x509.Certificate,
    issuers: Sequence[TrustedIssuer],
    root: TrustedRoot,
) -> Identity:
    """
    Verify that the certificate made the signature while it was valid, according to a known log,
    and that one of `issuers` admits its identity; else raise Refused.
    """
    key = signing_key(certificate)
    check_certificate(certificate, _time(legacy, certificate, root), root)
    identity = admit(certificate, issuers)
    if not key.signed(legacy.signature, legacy.payload):
        raise Refused("its signature is not by its certificate, or its payload was altered")
    return identity


def _time(legacy: LegacySignature, certificate: x509.Certificate, root: TrustedRoot) -> datetime:
    """The signing time according to a transparency log; only a promise proves it."""
    if legacy.entry is None:
        raise Refused("its transparency log entry is missing")
    signed = legacy.signed(certificate.public_bytes(Encoding.DER))
    check = check_entry(legacy.entry, signed, root.transparency)
    if check.log is None or not check.promised or legacy.entry.time is None:
        raise Refused(UNKNOWN_LOG)
    return legacy.entry.time
