"""The settings of timestamps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.manifest_files import load, manifest, problems
from tests.peers.timestamp_authority import TimestampAuthority

SIGNING = "signing: {key: 'file:floe.key'}"


def ledger(text: str, signing: str = SIGNING) -> str:
    return manifest(rest=f"ledger: {{{signing}, timestamp: {{{text}}}}}\n")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A directory with the certificates of two authorities."""
    (tmp_path / "text.pem").write_text("text")
    with TimestampAuthority(tmp_path / "tsa"), TimestampAuthority(tmp_path / "other"):
        yield tmp_path


def test_timestamps_are_not_required_by_default(folder: Path) -> None:
    found = load(folder, ledger("url: 'http://tsa.example', certificates: tsa/root.pem"))

    assert found.ledger.timestamp is not None
    assert found.ledger.timestamp.url == "http://tsa.example"
    assert not found.ledger.timestamp.required


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("url: 'http://tsa.example'", "certificates", "is missing"),
        ("certificates: missing.pem", "certificates", "cannot be read"),
        ("certificates: text.pem", "certificates", "has no certificates in PEM"),
        ("certificates: tsa/signer.pem", "certificates", "has no root certificate"),
        ("certificates: tsa/signer.key", "certificates", "holds a private key"),
        ("certificates: tsa/root.pem, required: true", "required", "needs ledger.timestamp.url"),
        ("certificates: tsa/root.pem, url: 'tsa.example'", "url", "must be a URL"),
    ],
)
def test_setting_that_cannot_work_is_refused(
    folder: Path, text: str, path: str, problem: str
) -> None:
    (found,) = problems(folder, ledger(text))

    assert found.startswith(f"ledger.timestamp.{path}: ")
    assert problem in found


def test_unsigned_entries_have_no_timestamps(folder: Path) -> None:
    text = manifest(rest="ledger: {timestamp: {certificates: tsa/root.pem}}\n")

    (found,) = problems(folder, text)

    assert found.startswith("ledger.timestamp: needs ledger.signing or ledger.trusted_keys")


def test_certificates_and_requirement_are_part_of_the_policy(folder: Path) -> None:
    texts = [
        "certificates: tsa/root.pem, url: 'http://tsa.example'",
        "certificates: other/root.pem, url: 'http://tsa.example'",
        "certificates: tsa/root.pem, url: 'http://tsa.example', required: true",
    ]

    digests = [load(folder, ledger(text)).policy.digest for text in texts]

    assert len(set(digests)) == 3
