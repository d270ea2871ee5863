"""Who gives a command: whom the registry just let in, else the OS user, and never a mere word."""

import os
import pwd
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import docker_registry as docker
from tests.peers import oci_layout
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.commands import Finished, Floe
from tests.scenarios.signing_in import (
    BASIC,
    FREE,
    GUARDED,
    REPOSITORY,
    command,
    guarded_registry,
    login,
    operator_of,
)

OS_USER = pwd.getpwuid(os.getuid()).pw_name


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
