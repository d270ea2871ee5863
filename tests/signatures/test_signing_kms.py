"""Signing in key management services: AWS over HTTP, and services whose package is missing."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.adapters.signing import open_signer
from engine.attestation.keys import load_der
from engine.domain.errors import ConfigError, SigningUnavailableError
from tests.peers.fake_kms import FakeKms
from tests.peers.loopback import free_port


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKms]:
    with FakeKms() as server:
        point_to(server, monkeypatch)
        yield server


def point_to(server: FakeKms, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "AWS_ACCESS_KEY_ID": "floe",
        "AWS_SECRET_ACCESS_KEY": "floe-secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": f"http://{server.host}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_aws_signs_so_that_its_public_key_verifies(kms: FakeKms) -> None:
    signer = open_signer("awskms", "alias/floe", None)

    signatures = [signer.sign(message) for message in (b"one", b"two")]

    public = load_der(signer.public_key())
    assert public is not None
    assert public.kind == "ecdsa"
    assert public.signed(signatures[0], b"one")
    assert public.signed(signatures[1], b"two")
    assert len(kms.requests) == 3


def test_signature_by_another_key_is_never_used(kms: FakeKms) -> None:
    kms.published = ec.generate_private_key(ec.SECP256R1())

    with pytest.raises(SigningUnavailableError, match="its public key does not verify"):
        open_signer("awskms", "alias/floe", None).sign(b"entry")


def test_key_of_another_curve_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKms(ec.SECP384R1()) as server:
        point_to(server, monkeypatch)

        with pytest.raises(ConfigError, match="it must be ECDSA P-256 or Ed25519"):
            open_signer("awskms", "alias/floe", None).sign(b"entry")


def test_unknown_key_cannot_sign(kms: FakeKms) -> None:
    with pytest.raises(SigningUnavailableError, match="awskms:missing cannot sign") as refused:
        open_signer("awskms", "missing", None).sign(b"entry")

    assert refused.value.exit_code == 5


def test_service_that_does_not_answer_cannot_sign(
    kms: FakeKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(SigningUnavailableError, match="nothing was written: EndpointConnection"):
        open_signer("awskms", "alias/floe", None).sign(b"entry")


@pytest.mark.parametrize(
    ("kind", "address", "package"),
    [
        ("gcpkms", "projects/p", "google-cloud-kms"),
        ("azurekms", "vault/floe", "azure-identity azure-keyvault-keys"),
        ("hashivault", "floe", "hvac"),
    ],
)
def test_missing_package_is_named(kind: str, address: str, package: str) -> None:
    with pytest.raises(ConfigError, match=f"{kind}:{address} needs .* pip install {package}"):
        open_signer(kind, address, None).public_key()
