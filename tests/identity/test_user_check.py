"""Whether a registry tells users apart: it must refuse a password with another user name."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.identity import UserCheck
from tests.peers import docker_registry as docker
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import BasicAuth, TokenAuth

pytestmark = pytest.mark.requirement("FR-045")
Opened = Callable[..., DistributionRegistry]
ALICE = Password("alice", "s3cret")
BASIC = {"WWW-Authenticate": 'Basic realm="registry"'}


def checked(registry: DistributionRegistry) -> UserCheck:
    registry.sign_in()
    return registry.check_user()


def decoded(authorization: str) -> str:
    return base64.b64decode(authorization.removeprefix("Basic ")).decode()


def test_a_real_registry_with_a_user_file_tells_users_apart(tmp_path: Path, opened: Opened) -> None:
    with docker.docker_registry(tmp_path, htpasswd=True) as registry:
        credentials = always(Password(docker.USER, docker.PASSWORD))

        found = checked(opened(registry.host, credentials=credentials))

    assert found == UserCheck(verified=True)


def test_a_registry_that_ignores_the_user_name_does_not(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.auth = BasicAuth(users=())

    found = checked(opened(fake.host, credentials=always(Password("carol", "s3cret"))))

    assert not found.verified
    assert found.reason == (
        f"registry {fake.host} also accepts this password with another user name, so the name "
        "'carol' proves nothing"
    )


def test_the_other_user_name_is_random(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.auth = BasicAuth()

    for _ in range(2):
        assert checked(opened(fake.host, credentials=always(ALICE))).verified

    users = {
        decoded(request.headers["authorization"]).partition(":")[0]
        for request in fake.seen("GET", "^/v2/$")
        if "authorization" in request.headers
    }
    assert len(users) == 3


def test_it_is_asked_once_in_a_run(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.auth = BasicAuth()
    registry = opened(fake.host, credentials=always(ALICE))

    assert checked(registry) == registry.check_user()
    # Two to sign in, two to check.
    assert len(fake.requests) == 4


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404])
def test_unclear_answer_verifies_no_user(fake: FakeRegistry, opened: Opened, status: int) -> None:
    fake.script("GET", "^/v2/$", Reply(401, headers=BASIC), Reply(200), Reply(status))

    assert not checked(opened(fake.host, credentials=always(ALICE))).verified


def test_unavailable_registry_verifies_no_user(fake: FakeRegistry, opened: Opened) -> None:
    fake.script("GET", "^/v2/$", Reply(401, headers=BASIC), Reply(200), *[Reply(503)] * 9)

    found = checked(opened(fake.host, credentials=always(ALICE)))

    assert not found.verified
    assert "could not be checked" in found.reason


def test_a_token_service_that_refuses_another_user_tells_users_apart(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))

    assert checked(registry) == UserCheck(verified=True)
    # Of these two the second is alice, without a scope as the first.
    logins = [r for r in fake.seen("GET", "/token") if "scope" not in r.query]
    assert len(logins) == 2


def test_a_token_service_that_ignores_the_user_name_does_not(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.any_user = True

    assert not checked(opened(fake.host, credentials=always(Password("carol", "s3cret")))).verified


def test_anonymous_token_verifies_no_user(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    """Signed in with a wrong password: only a request without a scope shows it."""
    auth.forgiving = True
    registry = opened(fake.host, credentials=always(Password("carol", "mallorys")))
    assert registry.sign_in() == "carol"

    found = registry.check_user()

    assert not found.verified
    assert "refused the user name or password" in found.reason


def test_a_forgiving_token_service_that_knows_the_user_tells_users_apart(
    fake: FakeRegistry, auth: TokenAuth, opened: Opened
) -> None:
    auth.forgiving = True

    assert checked(opened(fake.host, credentials=always(ALICE))).verified


def test_registry_that_asks_for_no_password_verifies_no_user(
    fake: FakeRegistry, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=always(ALICE))

    found = registry.check_user()

    assert not found.verified
    assert found.reason == f"registry {fake.host} has accepted no user name and password"
    assert fake.requests == []
