"""Private keys that sign ledger entries: loading, signing, and the keys that are refused."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.signing import generate_key, open_signer
from engine.attestation.keys import load_der
from engine.domain.errors import ConfigError
from tests.peers.signing import SigningKey

KINDS = ["ecdsa", "ed25519"]
COSIGN = (
    "-----BEGIN ENCRYPTED {} PRIVATE KEY-----\neyJrZGYi\n-----END ENCRYPTED {} PRIVATE KEY-----"
)


def private_pem(algorithm: str, password: bytes | None = None) -> str:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    key = SigningKey.new(algorithm).private
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection).decode()


@pytest.mark.parametrize("kind", KINDS)
@given(message=st.binary(max_size=300), other=st.binary(max_size=300))
def test_public_key_verifies_the_signed_message_only(
    kind: str, message: bytes, other: bytes
) -> None:
    signer = generate_key(kind)
    public = load_der(signer.public_key())
    assert public is not None

    signature = signer.sign(message)

    assert public.kind == kind
    assert public.signed(signature, message)
    assert public.signed(signature, other) == (message == other)


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_verifies_a_signature(kind: str, tmp_path: Path) -> None:
    signer = generate_key(kind)
    public = load_der(signer.public_key())
    assert public is not None
    (tmp_path / "floe.pub").write_text(public.pem)
    (tmp_path / "message").write_bytes(b"entry")
    (tmp_path / "signature").write_bytes(signer.sign(b"entry"))

    raw = ["-rawin", *(["-digest", "sha256"] if kind == "ecdsa" else [])]
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "floe.pub", *raw]
    done = subprocess.run(
        [*command, "-in", "message", "-sigfile", "signature"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_key_from_a_file_equals_the_one_from_a_variable(kind: str, tmp_path: Path) -> None:
    made = generate_key(kind)
    path = tmp_path / "floe.key"
    path.write_bytes(made.private_pem())

    from_file = open_signer("file", str(path), None)
    from_variable = open_signer("env", "KEY", made.private_pem().decode())

    assert from_file.public_key() == from_variable.public_key() == made.public_key()


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (COSIGN.format("SIGSTORE", "SIGSTORE"), "cosign import-key-pair --key floe.key"),
        (COSIGN.format("COSIGN", "COSIGN"), "floe keys generate --out floe.key"),
        (private_pem("ES256", b"secret"), "encrypted with a password. Decrypt it: openssl pkcs8"),
        (private_pem("ES384"), "of an unsupported kind: it must be ECDSA P-256 or Ed25519"),
        (private_pem("RS256"), "of an unsupported kind: it must be ECDSA P-256 or Ed25519"),
        (SigningKey.new().pem().decode(), "is a public key: signing needs the private one"),
        ("", "is not a private key in PEM. Make one: floe keys generate"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "not a private key"),
    ],
)
def test_unusable_key_is_refused_with_the_fix(pem: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        open_signer("env", "LEDGER_KEY", pem)

    assert str(refused.value).startswith("env:LEDGER_KEY is ")


def test_decrypted_key_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "ENCRYPTED.key").write_text(private_pem("ES256", b"secret"))

    command = ["openssl", "pkcs8", "-in", "ENCRYPTED.key", "-out", "floe.key"]
    subprocess.run([*command, "-passin", "pass:secret"], cwd=tmp_path, check=True)

    assert open_signer("file", str(tmp_path / "floe.key"), None).sign(b"entry")


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "floe.key"

    with pytest.raises(ConfigError, match=f"file:{path} cannot be read: No such file"):
        open_signer("file", str(path), None)
