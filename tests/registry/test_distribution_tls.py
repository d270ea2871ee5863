"""Registries with TLS: trusted certificates and error messages."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always, anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ConfigError, RegistryAnswerError, RegistryUnavailableError
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry

Opened = Callable[..., DistributionRegistry]
V1 = Tag("v1.0.0")


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeRegistry]:
    """The fake behind TLS; it holds v1.0.0."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with FakeRegistry(tls=context) as running:
        running.hold("acme/platform", image(), "v1.0.0")
        yield running


def test_a_certificate_of_the_configured_authority_is_trusted(
    secure: FakeRegistry, opened: Opened, certificate: Path
) -> None:
    registry = opened(secure.host, scheme="https", ca_file=certificate)

    assert registry.resolve(V1) == image().manifest.digest


def test_an_untrusted_certificate_fails_at_once(secure: FakeRegistry, opened: Opened) -> None:
    attempts: list[str] = []
    registry = opened(
        secure.host, scheme="https", on_request=lambda method, path: attempts.append(path)
    )

    with pytest.raises(RegistryUnavailableError, match=r"not trusted.*tls\.ca_file"):
        registry.resolve(V1)

    assert secure.requests == []
    assert len(attempts) == 1


def test_verification_can_be_switched_off(secure: FakeRegistry, opened: Opened) -> None:
    registry = opened(secure.host, scheme="https", verify=False)

    assert registry.resolve(V1) == image().manifest.digest


def test_plain_http_instead_of_tls_is_reported(fake: FakeRegistry, opened: Opened) -> None:
    with pytest.raises(RegistryUnavailableError, match="does not speak TLS"):
        opened(fake.host, scheme="https").resolve(V1)


def test_tls_instead_of_plain_http_is_reported(fake: FakeRegistry, opened: Opened) -> None:
    fake.always("GET", "/manifests/", Reply(400))
    fake.always("HEAD", "/manifests/", Reply(400))

    with pytest.raises(RegistryAnswerError, match="used plain http.*insecure: false"):
        opened(fake.host, scheme="http").resolve(V1)


@pytest.mark.parametrize("call", ["read", "upload"])
def test_a_redirect_from_tls_to_plain_http_is_rejected(
    secure: FakeRegistry, fake: FakeRegistry, opened: Opened, certificate: Path, call: str
) -> None:
    to = {"Location": f"http://{fake.host}/x"}
    secure.always("GET", "/blobs/", Reply(307, headers=to))
    secure.always("POST", "/uploads/", Reply(202, headers=to))
    registry = opened(secure.host, scheme="https", ca_file=certificate)

    with pytest.raises(RegistryAnswerError, match="plain http"):
        if call == "read":
            registry.blob(str(Digest.of(b"x")), 100)
        else:
            registry.open_upload().finish(b"x")

    assert fake.requests == []


def test_passwords_are_not_sent_to_a_token_service_without_tls(
    secure: FakeRegistry, fake: FakeRegistry, opened: Opened, certificate: Path
) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token"'}
    secure.always("HEAD", "/manifests/", Reply(401, headers=challenge))
    credentials = always(Password("alice", "s3cret"))
    registry = opened(secure.host, scheme="https", ca_file=certificate, credentials=credentials)

    with pytest.raises(RegistryAnswerError, match="only to https"):
        registry.resolve(V1)

    assert fake.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_invalid_ca_file_is_a_configuration_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigError, match="ca_file"):
        open_registry("registry.example", "acme/x", credentials=anonymous, ca_file=file)
