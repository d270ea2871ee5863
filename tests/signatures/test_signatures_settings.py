"""Settings of the verifier: validation, and the digest of all settings."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.errors import ConfigError
from tests.signatures.sigstore_kit.formats import (
    Json,
    b64,
    pem,
)
from tests.signatures.sigstore_kit.instance import (
    ISSUER,
    MiniSigstore,
    new_key,
)
from tests.signatures.sigstore_kit.keyless import ACME

P256 = new_key()


@pytest.fixture
def sigstore() -> MiniSigstore:
    return MiniSigstore()


def private_pem() -> bytes:
    return P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.requirement("FR-020")
@pytest.mark.parametrize(
    ("keys", "fact"),
    [
        ((), "signatures cannot be verified without keys"),
        ((b"",), r"public_keys\[0\] is not a PEM public key"),
        ((pem(P256), b"ssh-ed25519 AAAA"), r"public_keys\[1\] is not a PEM public key"),
        ((private_pem(),), r"public_keys\[0\] is a private key"),
        ((pem(P256) + pem(new_key()),), "holds several PEM blocks"),
        ((pem(ec.generate_private_key(ec.SECP521R1())),), "of an unsupported type"),
        ((pem(rsa.generate_private_key(65537, 1024)),), "of an unsupported type"),
        ((MiniSigstore().issue().pem,), "is not a PEM public key"),
    ],
)
def test_unusable_keys_are_a_configuration_error(keys: tuple[bytes, ...], fact: str) -> None:
    with pytest.raises(ConfigError, match=fact):
        SigstoreVerifier(keys)


@pytest.mark.parametrize(
    ("issuer", "expression"), [("", ".*"), (ISSUER, ""), (ISSUER, "(unclosed")]
)
def test_an_invalid_issuer_is_a_configuration_error(issuer: str, expression: str) -> None:
    with pytest.raises(ConfigError, match="issuer|subject_regex"):
        TrustedIssuer(issuer, expression)


def without_authority(root: Json) -> None:
    root["certificateAuthorities"][0]["certChain"]["certificates"] = []


def of_another_kind(root: Json) -> None:
    root["mediaType"] = "application/json"


def with_a_broken_key(root: Json) -> None:
    root["tlogs"][0]["publicKey"]["rawBytes"] = b64(b"no key")


def with_a_broken_certificate(root: Json) -> None:
    root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = b64(b"no")


@pytest.mark.parametrize(
    "change", [without_authority, of_another_kind, with_a_broken_key, with_a_broken_certificate]
)
def test_an_unusable_trusted_root_is_a_configuration_error(
    change: Callable[[Json], None], tmp_path: Path, sigstore: MiniSigstore
) -> None:
    root = json.loads(sigstore.trusted_root())
    change(root)
    file = tmp_path / "root.json"
    file.write_text(json.dumps(root))

    with pytest.raises(ConfigError, match=f"the trusted root {file} is not"):
        SigstoreVerifier((), (ACME,), file)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (None, "cannot be read: No such"),
        (b" " * 5_000_000, "more than"),
        (b"[", "is not a sigstore trusted root"),
    ],
)
def test_an_unreadable_trusted_root_is_a_configuration_error(
    content: bytes | None, fact: str, tmp_path: Path
) -> None:
    file = tmp_path / "root.json"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=fact):
        SigstoreVerifier((), (ACME,), file)


@pytest.mark.requirement("FR-022")
def test_the_digest_changes_with_every_setting(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one.json", "two.json")]
    for root in roots:
        root.write_bytes(MiniSigstore().trusted_root())
    keys = tuple(pem(new_key()) for _ in range(2))
    narrow = TrustedIssuer(ISSUER, "https://github.com/acme/floe/.*")
    settings = [
        (keys, (ACME,), roots[0]),
        (keys[:1], (ACME,), roots[0]),
        ((), (ACME,), roots[0]),
        (keys, (narrow,), roots[0]),
        (keys, (ACME, narrow), roots[0]),
        (keys, (), roots[0]),
        (keys, (ACME,), roots[1]),
        (keys, (ACME,), None),
    ]

    digests = {SigstoreVerifier(*each).verification_digest for each in settings}

    assert len(digests) == len(settings)


@pytest.mark.requirement("FR-022")
def test_the_order_of_settings_does_not_matter() -> None:
    keys = tuple(pem(new_key()) for _ in range(2))
    issuers = (ACME, TrustedIssuer("https://other.example", ".*"))

    one, other = SigstoreVerifier(keys, issuers), SigstoreVerifier(keys[::-1], issuers[::-1])

    assert one.verification_digest == other.verification_digest
