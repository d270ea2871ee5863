"""Verifies short-lived signing certificates: usage, chain, validity and certificate log."""

import hashlib
import struct
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import certificate_transparency as ct
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from engine.adapters.sigstore.root import Authority, TrustedRoot, log_of
from engine.attestation.keys import VerificationKey, usable
from engine.attestation.refusal import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def signing_key(certificate: x509.Certificate) -> VerificationKey:
    """The key of the certificate; Refused unless it is an ECDSA key for code signing."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise Refused(f"its certificate has no valid key usage: {error}") from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise Refused("its certificate is not for signing code")
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(f"its certificate's key cannot be used: {error}") from error
    key = usable(public)
    if key is None or not isinstance(public, ec.EllipticCurvePublicKey):
        raise Refused("its certificate's key is not ECDSA P-256 or P-384")
    return key


def check_issued(certificate: x509.Certificate, root: TrustedRoot) -> Authority:
    """The issuing authority; Refused unless it and a certificate log were in use then."""
    authority = root.authority_of(certificate)
    _check_logged(certificate, authority, root)
    return authority


def check_certificate(certificate: x509.Certificate, time: datetime, root: TrustedRoot) -> None:
    """Verify that the certificate was issued, logged and valid at `time`, else raise Refused."""
    _check_chain(certificate, check_issued(certificate, root), time)


def _check_chain(certificate: x509.Certificate, authority: Authority, time: datetime) -> None:
    # Client verifiers require the usage client authentication; sigstore's certificates have code
    # signing instead, which signing_key checks.
    any_usage = (x509.ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    verifier = (
        PolicyBuilder()
        .store(Store([authority.chain[-1]]))
        .time(time)
        .extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca().may_be_present(*any_usage),
            ee_policy=ExtensionPolicy.webpki_defaults_ee().may_be_present(*any_usage),
        )
        .build_client_verifier()
    )
    try:
        verifier.verify(certificate, list(authority.chain[:-1]))
    except (VerificationError, x509.UnsupportedGeneralNameType) as error:
        raise Refused(f"its certificate does not hold at {time:%Y-%m-%d %H:%M:%S} UTC") from error


def _check_logged(certificate: x509.Certificate, authority: Authority, root: TrustedRoot) -> None:
    """Verify the signed certificate timestamp (RFC 6962, 3.2) by a log of the root."""
    sct = _timestamp(certificate)
    issued = sct.timestamp.replace(tzinfo=UTC)
    log = log_of(root.certificates, sct.log_id, issued)
    if log is None:
        raise Refused("its certificate was logged by no log that the trusted root then had")
    key = authority.issuing.public_key()
    issuer = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    entry = certificate.tbs_precertificate_bytes
    milliseconds = (issued - _EPOCH) // timedelta(milliseconds=1)
    signed = b"".join(
        (
            struct.pack(">BBQH", sct.version.value, 0, milliseconds, sct.entry_type.value),
            issuer.digest(),
            struct.pack(">I", len(entry))[1:],
            entry,
            struct.pack(">H", len(sct.extension_bytes)),
            sct.extension_bytes,
        )
    )
    if not log.key.signed(sct.signature, signed):
        raise Refused("its certificate's signed timestamp is not by the certificate log")


def _timestamp(certificate: x509.Certificate) -> ct.SignedCertificateTimestamp:
    try:
        timestamps = list(
            certificate.extensions.get_extension_for_class(
                x509.PrecertificateSignedCertificateTimestamps
            ).value
        )
    except x509.ExtensionNotFound as error:
        raise Refused("its certificate has no signed certificate timestamp") from error
    if len(timestamps) != 1:
        raise Refused(f"its certificate has {len(timestamps)} signed timestamps instead of one")
    sct: ct.SignedCertificateTimestamp = timestamps[0]
    if sct.entry_type is not ct.LogEntryType.PRE_CERTIFICATE:
        raise Refused("its certificate's signed timestamp is not for a precertificate")
    if not isinstance(sct.signature_hash_algorithm, hashes.SHA256):
        raise Refused("its certificate's signed timestamp is not over SHA-256")
    return sct
