"""The operator is the verified registry user, or else the OS user, and never a free-text name."""

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
from tests.scenarios.logins import (
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


def test_user_refused_by_the_registry_changes_nothing(tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as registry:
        config = login(tmp_path, registry.host, docker.USER, "guessed")
        uri = f"oci://{registry.host}/{REPOSITORY}"

        result = command(tmp_path, uri, DOCKER_CONFIG=config).promote("v1.0.0", "dev")

        assert result.code == 5
        assert "refused the user name or password" in result.document["error"]["message"]
        assert docker.PASSWORD not in result.out + result.err
        assert "guessed" not in result.out + result.err


@pytest.mark.requirement("FR-045")
def test_unrequested_credentials_identify_nobody(held: FakeRegistry, tmp_path: Path) -> None:
    config = login(tmp_path, held.host, "alice", "forged")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)
    assert not any("authorization" in request.headers for request in held.requests)


@pytest.mark.requirement("FR-045")
def test_refused_credentials_identify_nobody(held: FakeRegistry, tmp_path: Path) -> None:
    held.always("GET", "^/v2/$", Reply(401, b"", BASIC))
    config = login(tmp_path, held.host, "alice", "forged")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)


@pytest.mark.requirement("FR-045")
def test_environment_variables_do_not_change_the_operator(
    held: FakeRegistry, tmp_path: Path
) -> None:
    lies = dict.fromkeys(("USER", "LOGNAME", "USERNAME", "LNAME", "SUDO_USER"), "alice")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", **lies)

    result = floe.promote("v1.0.0", "dev")

    assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)


@pytest.mark.requirement("FR-045")
def test_no_option_sets_the_operator(held: FakeRegistry, tmp_path: Path) -> None:
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}")

    result = floe.promote("v1.0.0", "dev", "--operator", "alice")

    assert result.code == 2
    assert "No such option" in result.document["error"]["message"]


@pytest.mark.requirement("FR-046")
def test_unknown_operator_is_refused_by_an_environment_with_rules(
    held: FakeRegistry, tmp_path: Path
) -> None:
    result = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", GUARDED).promote("v1.0.0", "dev")

    assert result.code == 12
    assert f"'os:{OS_USER}' is not verified" in result.document["error"]["message"]


def test_command_without_credentials_does_not_authenticate(
    held: FakeRegistry, tmp_path: Path
) -> None:
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}")

    floe.promote("v1.0.0", "dev")

    assert held.seen("GET", "^/v2/$") == []


def test_read_commands_do_not_authenticate(held: FakeRegistry, tmp_path: Path) -> None:
    config = login(tmp_path, held.host, "alice", "secret")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    assert floe.run("platform", "status").code == 0

    assert held.seen("GET", "^/v2/$") == []


def test_broken_credentials_are_ignored_where_none_are_requested(
    held: FakeRegistry, tmp_path: Path
) -> None:
    config = login(tmp_path, held.host, "alice", "secret")
    (Path(config) / "config.json").write_text("{")
    floe = command(tmp_path, f"oci://{held.host}/{REPOSITORY}", DOCKER_CONFIG=config)

    assert operator_of(floe, floe.promote("v1.0.0", "dev"))[2] is False


class TestEmbedded:
    """On a layout, only the operating system identifies the user."""

    def promoted(self, folder: Path, rest: str, promotion: str) -> tuple[Floe, Finished]:
        oci_layout.write(folder / "registry", image(), "v1.0.0")
        floe = command(folder, "oci-layout:./registry", promotion, rest, USER="mallory")
        return floe, floe.promote("v1.0.0", "dev")

    @pytest.mark.requirement("FR-045")
    def test_os_user_is_verified_where_the_manifest_says_so(self, tmp_path: Path) -> None:
        trusting = "identity: {trust_os_user: true}\n"

        floe, result = self.promoted(tmp_path, trusting, GUARDED)

        assert operator_of(floe, result) == (OS_USER, f"os:{OS_USER}", True)

    @pytest.mark.requirement("FR-045")
    def test_alias_does_not_verify_the_os_user_otherwise(self, tmp_path: Path) -> None:
        lending = f"identity:\n  aliases: {{alice@acme.com: ['os:{OS_USER}', '{OS_USER}']}}\n"

        floe, result = self.promoted(tmp_path, lending, FREE)

        assert operator_of(floe, result) == (f"os:{OS_USER}", f"os:{OS_USER}", False)
