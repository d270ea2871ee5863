"""Timestamps of signatures (RFC 3161). Slow to import."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from engine.attestation.refusal import Refused
from engine.domain.errors import ConfigError
from engine.domain.text import printable

_MAX_REASON_CHARACTERS = 200


@dataclass(frozen=True)
class TimestampRequest:
    """A request (DER) with a random `nonce`, so that an earlier answer is not an answer to it."""

    content: bytes
    nonce: int


def request_timestamp(signature: bytes) -> TimestampRequest:
    """Build the request for a timestamp of `signature`, by its SHA-256 digest."""
    # cosign takes SHA-256, and needs the certificate of the authority in the answer.
    request = TimestampRequestBuilder(signature, HashAlgorithm.SHA256).build()
    if request.nonce is None:
        raise TypeError("a request has no nonce")
    return TimestampRequest(request.as_bytes(), request.nonce)


def load_certificates(pem: bytes, name: str) -> tuple[Certificate, ...]:
    """Load the certificates in `pem`; ConfigError with `name` if there is no root among them."""
    if b"PRIVATE KEY-----" in pem:
        raise ConfigError(f"{name} holds a private key: keep it away from here")
    try:
        found = tuple(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ConfigError(f"{name} has no certificates in PEM") from error
    if not any(each.issuer == each.subject for each in found):
        raise ConfigError(f"{name} has no root certificate, which signs itself: add it to the file")
    return found


@dataclass(frozen=True)
class TimestampCertificates:
    """Implements `engine.ports.signer.TimestampVerifier`: trusts authorities with these roots."""

    certificates: Sequence[Certificate]

    def verify(self, timestamp: bytes, signature: bytes, nonce: int | None = None) -> datetime:
        """
        Return the time (UTC) in `timestamp`, the answer of an authority (DER) about `signature`.

        Refused if it is not valid, or does not answer the request with `nonce`.
        """
        try:
            answer = decode_timestamp_response(timestamp)
            _check_status(answer)
            builder = VerifierBuilder(roots=[*self.certificates], nonce=nonce)
            builder.build().verify_message(answer, signature)
            return answer.tst_info.gen_time
        except (ValueError, VerificationError) as error:
            reason = printable(str(error))[:_MAX_REASON_CHARACTERS]
            raise Refused(f"it is not a valid timestamp: {reason}") from error


def _check_status(answer: TimeStampResponse) -> None:
    if answer.status != PKIStatus.GRANTED:
        texts = "; ".join(map(str, answer.status_string))
        raise Refused(
            f"the authority issued none: status {answer.status}, "
            f"{printable(texts)[:_MAX_REASON_CHARACTERS] or 'without a reason'}"
        )
