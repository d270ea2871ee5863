"""Authentication: challenges, passwords, tokens and error messages."""

import logging
from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.auth.credentials import (
    BearerToken,
    Credential,
    IdentityToken,
    Password,
)
from engine.adapters.registry.remote.auth.sources import always
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import ConfigError, RegistryAccessError, RegistryAnswerError
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.peers.fake_tokens import TokenAuth

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
V1 = Tag("v1.0.0")
ALICE = Password("alice", "s3cret")


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (Password("alice", "wrong"), "refused the user name or password .401.* of 'alice'"),
        (IdentityToken("wrong"), "refused the token .401"),
        (BearerToken("wrong"), "refused the token .401"),
        (None, "asks for credentials .401.* none were found"),
    ],
)
def test_each_authentication_failure_has_its_own_message(
    fake: FakeRegistry,
    auth: TokenAuth,
    opened: Opened,
    credential: Credential | None,
    words: str,
) -> None:
    registry = opened(fake.host, credentials=lambda host: credential)

    with pytest.raises(RegistryAccessError, match=words) as caught:
        registry.resolve(V1)

    assert fake.host in str(caught.value)
    assert "docker login" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert registry.accepted_user is None
    assert len(fake.requests) <= 4


def test_a_denial_shows_the_registry_message_and_is_not_absence(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.always("GET", "/manifests/", oci_error(403, "DENIED", "not\non your\x1b[31m plan"))

    with pytest.raises(RegistryAccessError, match=r"403, DENIED: not\\non your\\x1b"):
        opened(fake.host).fetch(V1)


@pytest.mark.parametrize(
    "challenges",
    ["", "Negotiate", 'Digest realm="x", nonce="y"', 'Bearer realm="ftp://elsewhere"', "Bearer"],
)
def test_an_unsupported_challenge_is_reported(
    fake: FakeRegistry, opened: Opened, challenges: str
) -> None:
    fake.always("HEAD", "/manifests/", Reply(401, headers={"WWW-Authenticate": challenges}))

    with pytest.raises(RegistryAnswerError):
        opened(fake.host, credentials=always(ALICE)).resolve(V1)


def test_basic_credentials_are_sent_in_advance_after_the_first_challenge(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    challenge = {"WWW-Authenticate": "Negotiate, BASIC Realm=registry"}
    fake.script("HEAD", "/manifests/", Reply(401, headers=challenge))
    registry = opened(fake.host, credentials=always(ALICE))

    for _ in range(3):
        registry.resolve(V1)

    sent = [request.headers.get("authorization") for request in fake.requests]
    assert sent == [None] + ["Basic YWxpY2U6czNjcmV0"] * 3
    assert registry.accepted_user == "alice"


def test_a_refused_basic_password_is_not_tried_repeatedly(
    fake: FakeRegistry, opened: Opened
) -> None:
    challenge = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    fake.always("HEAD", "/manifests/", challenge)
    registry = opened(fake.host, credentials=always(ALICE))

    with pytest.raises(RegistryAccessError, match="user name or password"):
        registry.resolve(V1)

    assert len(fake.requests) == 2
    assert registry.accepted_user is None


def test_a_basic_password_that_stops_being_accepted_is_looked_up_again(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    challenge = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    fake.script("HEAD", "/manifests/", challenge, None, challenge, None, challenge)
    passwords = iter(["first", "second", "second"])
    registry = opened(fake.host, credentials=lambda host: Password("alice", next(passwords)))
    registry.resolve(V1)

    assert registry.resolve(V1) is not None
    assert fake.requests[-1].headers["authorization"] == "Basic YWxpY2U6c2Vjb25k"
    with pytest.raises(RegistryAccessError, match="user name or password"):
        registry.resolve(V1)
    assert len(fake.requests) == 5


def test_a_user_without_any_access_is_not_accepted(fake: FakeRegistry, opened: Opened) -> None:
    challenge = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    fake.script("HEAD", "/manifests/", challenge, Reply(403))
    fake.always("GET", "/manifests/", Reply(403))
    registry = opened(fake.host, credentials=always(ALICE))

    with pytest.raises(RegistryAccessError):
        registry.resolve(V1)

    assert registry.accepted_user is None


def test_a_password_is_not_sent_without_a_challenge(fake: FakeRegistry, opened: Opened) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    looked_up: list[str] = []

    def source(host: str) -> Credential:
        looked_up.append(host)
        return ALICE

    registry = opened(fake.host, credentials=source)
    registry.resolve(V1)

    assert looked_up == []
    assert registry.accepted_user is None
    assert all("authorization" not in request.headers for request in fake.requests)


def test_a_password_replaced_by_a_helper_is_looked_up_again(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    passwords = iter(["s3cret", "changed"])
    registry = opened(fake.host, credentials=lambda host: Password("alice", next(passwords)))
    registry.resolve(V1)
    auth.revoke()
    auth.password = "changed"

    assert registry.resolve(V1) is not None


def test_secrets_are_not_in_logs_or_reprs(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.script("GET", "/token", Reply(500))

    opened(fake.host, credentials=always(ALICE)).resolve(V1)

    shown = caplog.text + repr(ALICE) + repr(IdentityToken("s3cret")) + repr(BearerToken("s3cret"))
    assert "s3cret" not in shown
    assert "token-1" not in caplog.text
    assert "service=" not in caplog.text


@pytest.mark.parametrize("token", ["two\nlines", "ä", "", " "])
def test_a_token_invalid_in_headers_is_a_configuration_error(token: str) -> None:
    with pytest.raises(ConfigError, match="registry token"):
        BearerToken(token)
