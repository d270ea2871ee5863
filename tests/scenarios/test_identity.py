"""Who gives a command: whom the registry just let in, else the OS user, and never a mere word."""

import base64
import json
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from tests.builders import image
from tests.peers import docker_registry as docker
from tests.peers import oci_layout, skopeo
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.commands import Finished, Floe

REPOSITORY = "acme/platform"
OS_USER = pwd.getpwuid(os.getuid()).pw_name
BASIC = {"WWW-Authenticate": 'Basic realm="registry"'}
GUARDED = "{environments: [{name: dev, authorization: {}}, {name: prod}]}"
FREE = "{environments: [{name: dev}, {name: prod}]}"


def login(folder: Path, host: str, user: str, password: str) -> str:
    """A docker configuration with these credentials; its folder."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    target = folder / "docker"
    target.mkdir(exist_ok=True)
    (target / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return str(target)


def command(folder: Path, uri: str, promotion: str = FREE, rest: str = "", **environ: str) -> Floe:
    """`floe` on the registry `uri`, without credentials unless DOCKER_CONFIG names some."""
    (folder / "nothing").mkdir(exist_ok=True)
    settings = {"DOCKER_CONFIG": str(folder / "nothing")} | environ
    floe = Floe.on(uri, folder, promotion, **settings)
    with (folder / "manifest.yaml").open("a") as manifest:
        manifest.write(dedent(rest))
    return floe


def operator_of(floe: Floe, result: Finished) -> tuple[str, str, bool]:
    """Name, id and whether verified, as the record of a finished promotion says."""
    assert result.code == 0, result.err
    shown = floe.run("platform", "status", "--env", "dev", "--history", "1", "--output", "json")
    record = shown.document[0]["history"][0]
    return record["operator"], record["operator_id"], record["identity_verified"]


@pytest.fixture
def held(fake: FakeRegistry) -> FakeRegistry:
    """A registry that asks nobody who they are, with v1.0.0 in it."""
    fake.hold(REPOSITORY, image(), "v1.0.0")
    return fake


@contextmanager
def guarded_registry(folder: Path) -> Iterator[docker.DockerRegistry]:
    """A real registry that only lets alice in, with v1.0.0 in it."""
    with docker.docker_registry(folder, htpasswd=True) as registry:
        credentials = f"{docker.USER}:{docker.PASSWORD}"
        skopeo.push(registry.host, REPOSITORY, image(), "v1.0.0", credentials)
        yield registry


@pytest.mark.requirement("FR-045")
def test_whom_the_registry_asked_and_let_in_is_the_operator(tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, docker.PASSWORD)
        uri = f"oci://{registry.host}/{REPOSITORY}"
        floe = command(tmp_path, uri, GUARDED, DOCKER_CONFIG=config)

        result = floe.promote("v1.0.0", "dev")

        known = ("alice", f"registry:{registry.host}/alice", True)
        assert operator_of(floe, result) == known
        assert result.document["authorized_via"] == "any verified operator"


@pytest.mark.requirement("FR-047")
def test_the_registrys_user_is_the_person_the_aliases_say(tmp_path: Path) -> None:
    people = """\
    identity:
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


def test_whom_the_registry_turns_away_does_nothing(tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, "guessed")
        uri = f"oci://{registry.host}/{REPOSITORY}"

        result = command(tmp_path, uri, DOCKER_CONFIG=config).promote("v1.0.0", "dev")

        assert result.code == 5
        assert "refused the user name or password" in result.document["error"]["message"]
        assert docker.PASSWORD not in result.out + result.err
        assert "guessed" not in result.out + result.err


@pytest.mark.requirement("FR-045")
def test_credentials_a_registry_never_asked_for_name_nobody(
    held: FakeRegistry, tmp_path: Path
) -> None:
    config = login(tmp_path, held.host, "alice", "forged")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)
    assert not any("authorization" in request.headers for request in held.requests)


@pytest.mark.requirement("FR-045")
def test_credentials_a_registry_asked_for_and_refused_name_nobody(
    held: FakeRegistry, tmp_path: Path
) -> None:
    held.always("GET", "^/v2/$", Reply(401, b"", BASIC))
    config = login(tmp_path, held.host, "alice", "forged")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)


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
def test_a_user_name_that_everybody_has_names_nobody(
    held: FakeRegistry, tmp_path: Path, user: str, known: bool
) -> None:
    held.script("GET", "^/v2/$", Reply(401, b"", BASIC), Reply(200))
    config = login(tmp_path, held.host, user, "secret")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", GUARDED, DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert result.code == (0 if known else 12)
    assert result.document["operator"] == (user if known else f"os:{OS_USER}")


@pytest.mark.requirement("FR-045")
def test_what_the_surroundings_say_changes_nobody(held: FakeRegistry, tmp_path: Path) -> None:
    lies = dict.fromkeys(("USER", "LOGNAME", "USERNAME", "LNAME", "SUDO_USER"), "alice")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", **lies)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)


@pytest.mark.requirement("FR-045")
def test_there_is_no_way_to_say_who_one_is(held: FakeRegistry, tmp_path: Path) -> None:
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}")

    result = floe.promote("v1.0.0", "dev", "--operator", "alice")

    assert result.code == 2
    assert "No such option" in result.document["error"]["message"]


@pytest.mark.requirement("FR-046")
def test_where_nobody_is_known_an_environment_with_rules_lets_nobody_in(
    held: FakeRegistry, tmp_path: Path
) -> None:
    result = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", GUARDED).promote("v1.0.0", "dev")

    assert result.code == 12
    assert f"'os:{OS_USER}' is not verified" in result.document["error"]["message"]


def test_a_registry_without_credentials_is_not_asked_for_any(
    held: FakeRegistry, tmp_path: Path
) -> None:
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}")

    floe.promote("v1.0.0", "dev")

    assert held.seen("GET", "^/v2/$") == []


def test_what_only_shows_asks_nobody_who_they_are(held: FakeRegistry, tmp_path: Path) -> None:
    config = login(tmp_path, held.host, "alice", "secret")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    assert floe.run("platform", "status").code == 0

    assert held.seen("GET", "^/v2/$") == []


def test_broken_credentials_do_not_matter_where_none_are_asked_for(
    held: FakeRegistry, tmp_path: Path
) -> None:
    config = login(tmp_path, held.host, "alice", "secret")
    (Path(config) / "config.json").write_text("{")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    assert operator_of(floe, floe.promote("v1.0.0", "dev"))[2] is False


class TestEmbedded:
    """On a layout only the operating system knows anybody."""

    def promoted(self, folder: Path, rest: str, promotion: str) -> tuple[Floe, Finished]:
        oci_layout.write(folder / "registry", image(), "v1.0.0")
        floe = command(folder, "oci-layout:./registry", promotion, rest, USER="mallory")
        return floe, floe.promote("v1.0.0", "dev")

    @pytest.mark.requirement("FR-045")
    def test_the_os_user_counts_where_the_manifest_says_so(self, tmp_path: Path) -> None:
        trusting = "identity: {trust_os_user: true}\n"

        floe, result = self.promoted(tmp_path, trusting, GUARDED)

        assert operator_of(floe, result) == (OS_USER, f"os:{OS_USER}", True)

    @pytest.mark.requirement("FR-045")
    def test_else_not_even_an_alias_makes_the_os_user_somebody(self, tmp_path: Path) -> None:
        lending = f"identity:\n  aliases: {{alice@acme.com: ['os:{OS_USER}', '{OS_USER}']}}\n"

        floe, result = self.promoted(tmp_path, lending, FREE)

        assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)
