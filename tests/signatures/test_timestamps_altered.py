"""A timestamp with any altered byte is refused, or proves the same time."""

from pathlib import Path

import pytest

from engine.attestation.refusal import Refused
from engine.attestation.timestamps import (
    TimestampCertificates,
    load_certificates,
    request_timestamp,
)
from tests.peers.timestamp_authority import TimestampAuthority

SIGNATURE = b"a signature"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, TimestampCertificates]:
    """A valid answer, and the certificates that verify it."""
    folder: Path = tmp_path_factory.mktemp("authority") / "tsa"
    with TimestampAuthority(folder) as authority:
        answer = authority.answer(request_timestamp(SIGNATURE).content)
        found = load_certificates(authority.certificates, "tsa.pem")
        return answer, TimestampCertificates(found)


def test_altered_byte_never_changes_the_time(
    answered: tuple[bytes, TimestampCertificates],
) -> None:
    answer, certificates = answered
    time, refused = certificates.verify(answer, SIGNATURE), 0

    for position in range(len(answer)):
        altered = bytearray(answer)
        altered[position] ^= 1
        try:
            assert certificates.verify(bytes(altered), SIGNATURE) == time
        except Refused:
            refused += 1

    assert refused > len(answer) * 0.9


def test_shortened_answer_is_refused(answered: tuple[bytes, TimestampCertificates]) -> None:
    answer, certificates = answered

    for length in range(0, len(answer), 7):
        with pytest.raises(Refused):
            certificates.verify(answer[:length], SIGNATURE)


def test_answer_is_for_one_signature(answered: tuple[bytes, TimestampCertificates]) -> None:
    answer, certificates = answered

    with pytest.raises(Refused, match="it is not a valid timestamp: Mismatch between messages"):
        certificates.verify(answer, SIGNATURE + b".")


def test_rejection_is_refused(answered: tuple[bytes, TimestampCertificates]) -> None:
    """An authority rejects a request with a status, and sends no token."""
    _, certificates = answered
    rejection = bytes.fromhex("30053003020102")

    with pytest.raises(Refused, match="the authority issued none: status 2, without a reason"):
        certificates.verify(rejection, SIGNATURE)
