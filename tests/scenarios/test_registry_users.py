"""A registry user is verified if the manifest says so and the registry distinguishes users."""

from pathlib import Path

import pytest

from tests.peers import docker_registry as docker
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import BasicAuth, TokenAuth
from tests.scenarios.logins import (
    FREE,
    GUARDED,
    REPOSITORY,
    USERS,
    command,
    guarded_registry,
    login,
    operator_of,
)


@pytest.mark.requirement("FR-045")
def test_user_authenticated_by_the_registry_is_the_operator(tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, docker.PASSWORD)
        uri = f"oci://{registry.host}/{REPOSITORY}"
        floe = command(tmp_path, uri, GUARDED, USERS, DOCKER_CONFIG=config)

        result = floe.promote("v1.0.0", "dev")

        known = ("alice", f"registry:{registry.host}/alice", True)
        assert operator_of(floe, result) == known
        assert result.document["authorized_via"] == "any verified operator"


@pytest.mark.requirement("FR-047")
def test_alias_maps_the_registry_user_to_a_person(tmp_path: Path) -> None:
    people = """\
    identity:
      registry_users: {verified: true}
      aliases: {alice@acme.com: [alice]}
      groups: {admins: [alice@acme.com]}
    """
    only_admins = "{environments: [{name: dev, authorization: {allowed_groups: [admins]}}]}"
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, docker.PASSWORD)
        uri = f"oci://{registry.host}/{REPOSITORY}"
        floe = command(tmp_path, uri, only_admins, people, DOCKER_CONFIG=config)

        result = floe.promote("v1.0.0", "dev")

        assert operator_of(floe, result)[0] == "alice@acme.com"
        assert result.document["authorized_via"] == "group admins"


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize(
    ("user", "known"),
    [
        ("alice", True),
        ("AWS", False),
        ("oauth2accesstoken", False),
        ("_json_key", False),
        ("_json_key_base64", False),
        ("00000000-0000-0000-0000-000000000000", False),
    ],
)
def test_generic_user_name_identifies_nobody(
    held: FakeRegistry, tmp_path: Path, user: str, known: bool
) -> None:
    held.behaviour.auth = BasicAuth((user,), "secret")
    config = login(tmp_path, held.host, user, "secret")
    uri = f"oci://{held.host}/{REPOSITORY}"
    floe = command(tmp_path, uri, GUARDED, USERS, DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert result.code == (0 if known else 12)
    assert result.document["operator"] == (user if known else f"registry:{held.host}/{user}")


@pytest.mark.requirement("FR-045")
def test_registry_user_is_unverified_without_the_setting(tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, docker.PASSWORD)
        uri = f"oci://{registry.host}/{REPOSITORY}"

        refused = command(tmp_path, uri, GUARDED, DOCKER_CONFIG=config).promote("v1.0.0", "dev")
        floe = command(tmp_path, uri, FREE, DOCKER_CONFIG=config)
        recorded = operator_of(floe, floe.promote("v1.0.0", "dev"))

    known = f"registry:{registry.host}/alice"
    assert refused.code == 12
    assert (
        f"The identity '{known}' is not verified: registry users are verified only where "
        "manifest.yaml sets identity.registry_users: {verified: true}. Ask in Slack or on the "
        "page, where people have names: floe login and FLOE_ID_TOKEN need a provider in "
        "identity.oidc."
    ) in refused.document["error"]["message"]
    assert recorded == (known, known, False)


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize(
    "ways", [BasicAuth((), "mallorys-token"), TokenAuth(password="mallorys-token", any_user=True)]
)
def test_token_valid_with_any_user_name_identifies_nobody(
    held: FakeRegistry, tmp_path: Path, ways: BasicAuth | TokenAuth
) -> None:
    held.behaviour.auth = ways
    config = login(tmp_path, held.host, "carol", "mallorys-token")
    uri = f"oci://{held.host}/{REPOSITORY}"
    only_carol = "{environments: [{name: dev, authorization: {allowed_operators: [carol]}}]}"
    floe = command(tmp_path, uri, only_carol, USERS, DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert result.code == 12
    assert (
        "also accepts this password with another user name, so the name 'carol' proves"
        in (result.document["error"]["message"])
    )
    assert "v1.0.0-dev" not in held.repository(REPOSITORY).tags


@pytest.mark.requirement("FR-045")
def test_anonymous_token_for_a_wrong_password_identifies_nobody(
    held: FakeRegistry, tmp_path: Path
) -> None:
    held.behaviour.auth = TokenAuth(public=True, forgiving=True)
    config = login(tmp_path, held.host, "alice", "guessed")
    uri = f"oci://{held.host}/{REPOSITORY}"
    floe = command(tmp_path, uri, GUARDED, USERS, DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert result.code == 12
    assert "refused the user name or password (401)" in result.document["error"]["message"]


def test_registry_is_probed_for_user_names_only_where_they_count(
    held: FakeRegistry, tmp_path: Path
) -> None:
    held.behaviour.auth = BasicAuth(("alice",), "secret")
    config = login(tmp_path, held.host, "alice", "secret")
    uri = f"oci://{held.host}/{REPOSITORY}"
    asked = []
    for rest in ("", USERS):
        held.requests.clear()
        floe = command(tmp_path, uri, FREE, rest, DOCKER_CONFIG=config)
        assert floe.promote("v1.0.0", "dev", "--dry-run").code == 0
        asked.append(len(held.requests))

    assert asked[1] == asked[0] + 2
