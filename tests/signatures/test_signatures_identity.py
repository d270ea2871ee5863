"""Identities in certificates, and the trusted issuers that admit them."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from engine.adapters.sigstore import TrustedIssuer
from tests.signatures.sigstore_kit.certificates import user_name
from tests.signatures.sigstore_kit.formats import (
    simple_signing,
)
from tests.signatures.sigstore_kit.instance import (
    ISSUER,
    SUBJECT,
    Holder,
    MiniSigstore,
)
from tests.signatures.sigstore_kit.keyless import ACME, in_both_formats, keyless_verdict, signed
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository


@dataclass
class Odd(Holder):
    """Whose certificate is shown as other bytes than were issued."""

    shown: bytes

    @property
    def pem(self) -> bytes:
        body = base64.encodebytes(self.shown)
        return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"

    @property
    def der(self) -> bytes:
        return self.shown


@pytest.fixture
def sigstore() -> MiniSigstore:
    return MiniSigstore()


@pytest.mark.requirement("FR-019")
@in_both_formats
def test_the_signer_is_the_subject_of_the_certificate(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue())

    found = keyless_verdict(repository, sigstore)

    assert (found.problem, found.issuer, found.subject) == (None, ISSUER, SUBJECT)


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(
    ("expression", "subject", "admitted"),
    [
        ("^repo:acme/floe", "repo:acme/floe", True),
        ("^repo:acme/floe", "repo:acme/floe-evil", False),
        ("repo:acme/floe$", "evil-repo:acme/floe", False),
        ("^repo:acme/floe$", "repo:acme/floe\n", False),
        ("a|repo:acme/floe", "repo:acme/floe-evil", False),
        ("repo:acme/.*", "repo:acme/anything", True),
    ],
)
@in_both_formats
def test_the_whole_subject_must_match(
    expression: str, subject: str, admitted: bool, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    holder = sigstore.issue(user_name(subject))
    repository = signed(tmp_path, form, sigstore, holder)

    found = keyless_verdict(repository, sigstore, TrustedIssuer(ISSUER, expression))

    assert found.verified is admitted


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize("issuer", [f"{ISSUER}/", f"{ISSUER}.evil.example", ISSUER.upper()])
@in_both_formats
def test_the_issuer_must_match_exactly(
    issuer: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(issuer=issuer))

    found = keyless_verdict(repository, sigstore)

    assert f"signed by {SUBJECT} of {issuer}, but no trusted issuer admits it" in found.summary


P256 = bytes.fromhex("06082a8648ce3d030107")
VERSION_3 = bytes.fromhex("a003020102")


@pytest.mark.parametrize(
    ("good", "odd"),
    [
        (P256, P256[:-1] + b"\x06"),
        (P256, P256[:-2] + b"\x02\x07"),
        (bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0200")),
        (VERSION_3, VERSION_3[:-1] + b"\x07"),
    ],
)
@in_both_formats
def test_an_unsupported_certificate_is_refused(
    form: str, good: bytes, odd: bytes, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    holder = sigstore.issue()
    altered = Odd(holder.key, holder.certificate, holder.der.replace(good, odd))
    assert altered.der != holder.der
    repository = signed(tmp_path, form, sigstore, altered)

    assert keyless_verdict(repository, sigstore).mode == "none"


@pytest.mark.requirement("FR-019")
@in_both_formats
def test_a_subject_is_admitted_only_for_its_issuer(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(issuer="https://other.example"))
    trusted = (ACME, TrustedIssuer("https://other.example", "https://github.com/other/.*"))

    found = keyless_verdict(repository, sigstore, *trusted)

    assert "but no trusted issuer admits it" in found.summary


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(
    ("name", "subject"),
    [
        (x509.RFC822Name("alice@acme.com"), "alice@acme.com"),
        (x509.UniformResourceIdentifier("https://acme.com/ci"), "https://acme.com/ci"),
        (user_name("alice!acme.com"), "alice!acme.com"),
    ],
)
@in_both_formats
def test_every_kind_of_subject_is_read(
    name: x509.GeneralName, subject: str, form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(name))

    found = keyless_verdict(repository, sigstore, TrustedIssuer(ISSUER, re.escape(subject)))

    assert found.summary == f"Signature verified (keyless, {subject})"


@pytest.mark.requirement("FR-019")
@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((x509.DNSName("acme.com"),), "neither a URI, an email address nor a user name"),
        (
            (x509.RFC822Name("a@acme.com"), x509.RFC822Name("b@acme.com")),
            "names 2 subjects instead of one",
        ),
        ((user_name("x" * 3000),), "subject has 3000 characters"),
    ],
)
@in_both_formats
def test_an_ambiguous_subject_is_refused(
    names: tuple[x509.GeneralName, ...],
    reason: str,
    form: str,
    tmp_path: Path,
    sigstore: MiniSigstore,
) -> None:
    repository = signed(tmp_path, form, sigstore, sigstore.issue(*names))

    found = keyless_verdict(repository, sigstore, TrustedIssuer(ISSUER, ".*"))

    assert reason in found.summary


@pytest.mark.requirement("FR-019")
def test_an_issuer_only_in_annotations_is_ignored(tmp_path: Path, sigstore: MiniSigstore) -> None:
    repository = SignedRepository(tmp_path / "registry")
    payload = simple_signing(repository.digest)
    stranger = sigstore.issue(issuer="https://evil.example")
    said = {"issuer": ISSUER, "subject": SUBJECT, "1.3.6.1.4.1.57264.1.8": ISSUER}
    repository.tag_legacy(Layer(payload, sigstore.legacy(stranger, payload) | said))

    found = keyless_verdict(repository, sigstore)

    assert "of https://evil.example, but no trusted issuer admits it" in found.summary


@pytest.mark.requirement("FR-019")
@in_both_formats
def test_both_issuer_extensions_must_agree(
    form: str, tmp_path: Path, sigstore: MiniSigstore
) -> None:
    holder = sigstore.issue(issuer="https://evil.example", older_issuer=ISSUER)
    repository = signed(tmp_path, form, sigstore, holder)

    found = keyless_verdict(repository, sigstore)

    assert "names 2 OIDC issuers instead of one" in found.summary
