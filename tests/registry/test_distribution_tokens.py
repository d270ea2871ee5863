"""Tokens: scopes, lifetimes and users."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.adapters.registry.remote.auth.credentials import BearerToken, IdentityToken, Password
from engine.adapters.registry.remote.auth.sources import always, anonymous
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAccessError, RegistryAnswerError
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import TokenAuth

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
V1 = Tag("v1.0.0")
ALICE = Password("alice", "s3cret")


def test_a_password_is_exchanged_for_a_token_once(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))

    for _ in range(3):
        assert registry.resolve(V1) is not None

    assert [str(request) for request in fake.requests][:3] == [
        "HEAD /v2/acme/platform/manifests/v1.0.0",
        "GET /token",
        "HEAD /v2/acme/platform/manifests/v1.0.0",
    ]
    assert len(fake.requests) == 5
    assert registry.accepted_user == "alice"


def test_a_write_after_a_read_asks_for_the_wider_scope_and_keeps_it(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))
    registry.resolve(V1)

    registry.put(image(b"new").manifest, Tag("v2.0.0"))
    registry.resolve(V1)

    scopes = [request.query.split("scope=")[1] for request in fake.seen("GET", "/token")]
    assert scopes == [
        "repository%3Aacme%2Fplatform%3Apull",
        "repository%3Aacme%2Fplatform%3Apull%2Cpush",
    ]


def test_a_smaller_challenge_does_not_narrow_the_scope(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))
    registry.resolve(V1)
    fake.script("PUT", "/manifests/", _challenge(fake, "push"))

    registry.put(image(b"new").manifest, Tag("v2.0.0"))
    registry.resolve(V1)

    assert fake.seen("GET", "/token")[-1].query.endswith("%3Apull%2Cpush")
    assert len(fake.seen("GET", "/token")) == 2


def test_a_challenge_without_a_scope_uses_the_scope_of_the_call(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    realm = f'Bearer realm="http://{fake.host}/token"'
    fake.script("PUT", "/manifests/", Reply(401, headers={"WWW-Authenticate": realm}))

    opened(fake.host, credentials=always(ALICE)).put(image(b"new").manifest, Tag("v2.0.0"))

    (asked,) = fake.seen("GET", "/token")
    assert asked.query == "scope=repository%3Aacme%2Fplatform%3Apull%2Cpush"


@pytest.mark.parametrize("field_name", ["token", "access_token"])
def test_both_token_fields_are_accepted_without_a_lifetime(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened, field_name: str
) -> None:
    auth.field_name, auth.expires_in = field_name, None

    assert opened(fake.host, credentials=always(ALICE)).resolve(V1) is not None


def test_public_content_is_read_with_an_anonymous_token(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.public = True
    registry = opened(fake.host, credentials=anonymous)

    assert registry.resolve(V1) is not None
    assert registry.accepted_user is None


def test_an_identity_token_is_exchanged_and_has_no_user(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.identity_token = "refresh me"
    registry = opened(fake.host, credentials=always(IdentityToken("refresh me")))

    assert registry.resolve(V1) is not None
    assert registry.accepted_user is None
    assert len(fake.seen("POST", "/token")) == 1


def test_a_configured_token_is_sent_unchanged(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.tokens["mine"] = frozenset({f"{REPOSITORY}:pull"})
    registry = opened(fake.host, credentials=always(BearerToken("mine")))

    assert registry.resolve(V1) is not None
    assert fake.seen("GET", "/token") == []
    assert registry.accepted_user is None


def test_a_token_about_to_expire_is_renewed_before_use(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.expires_in = 0
    registry = opened(fake.host, credentials=always(ALICE))

    for _ in range(3):
        registry.resolve(V1)

    assert len(fake.seen("GET", "/token")) == 3
    assert len(fake.seen("HEAD")) == 4


def test_a_token_that_is_rejected_is_renewed_once(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))
    registry.resolve(V1)
    auth.revoke()

    assert registry.resolve(V1) is not None
    assert len(fake.seen("GET", "/token")) == 2


def test_a_registry_that_rejects_every_token_is_an_error(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    fake.always("HEAD", "/manifests/", _challenge(fake, "pull"))

    with pytest.raises(RegistryAccessError):
        opened(fake.host, credentials=always(ALICE)).resolve(V1)

    assert len(fake.requests) == 3


def test_one_token_serves_eight_threads(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: registry.resolve(V1), range(64)))

    assert set(found) == {image().manifest.digest}
    assert len(fake.seen("GET", "/token")) == 1


def test_eight_threads_on_eight_repositories_each_get_their_own_scope(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registries = [opened(fake.host, f"acme/{n}", credentials=always(ALICE)) for n in range(8)]

    def work(number: int) -> Digest | None:
        registry = registries[number % 8]
        registry.put(image(bytes(number)).manifest, Tag(f"v{number}"))
        return registry.resolve(Tag(f"v{number}"))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(32)))

    assert found == [image(bytes(number)).manifest.digest for number in range(32)]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 1}', b'{"token": "a\\nb"}', b"[]"])
def test_an_unusable_token_is_reported(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened, body: bytes
) -> None:
    fake.always("GET", "/token", Reply(200, body))

    with pytest.raises(RegistryAnswerError, match="no usable token"):
        opened(fake.host, credentials=always(ALICE)).resolve(V1)


def _challenge(fake: FakeRegistry, actions: str) -> Reply:
    scope = f"repository:{REPOSITORY}:{actions}"
    bearer = f'Bearer realm="http://{fake.host}/token",scope="{scope}"'
    return Reply(401, headers={"WWW-Authenticate": bearer})
