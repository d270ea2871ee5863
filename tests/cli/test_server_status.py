"""The status through a server equals the local one, and shows its age if it is old."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.changing import until
from tests.scenarios.commands import Floe

JSON = ("--output", "json")
STATUS = ("platform", "status")


@dataclass(frozen=True)
class Platform:
    """One platform, used in its own directory and through its server."""

    registry: Path
    here: Floe
    remote: Floe


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """v1.1.0 waits for an approval of prod; staging is locked and its tag was moved."""
    folder = tmp_path_factory.mktemp("status")
    with oidc_provider(folder) as provider:
        place, token = folder / "platform", provider.id_token("bob")
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        for version in ("v1.0.0", "v1.1.0"):
            oci_layout.write(place / "registry", image(version.encode()), f"{version}-dev")
        with serving(place) as server:
            remote = server.client(folder / "ci", token)
            for version in ("v1.0.0", "v1.1.0"):
                done = remote.promote(version, "staging")
                assert done.code == 0, done.err
            assert remote.promote("v1.1.0", "prod").code == 14
            lock = ("lock", "--env", "staging", "--reason", "INC-7", "--for", "2h")
            assert remote.run("platform", *lock).code == 0
            oci_layout.write(place / "registry", image(b"elsewhere"), "latest-staging")
            yield Platform(place / "registry", Floe(place, {"FLOE_ID_TOKEN": token}), remote)


@pytest.mark.parametrize(
    "options",
    [
        (),
        JSON,
        ("--env", "staging", *JSON),
        ("--env", "prod", "--history", "3", *JSON),
        ("--env", "staging", "--history", "3"),
    ],
)
def test_status_is_the_same_locally_and_through_a_server(
    platform: Platform, options: tuple[str, ...]
) -> None:
    here, remote = platform.here.run(*STATUS, *options), platform.remote.run(*STATUS, *options)

    assert (remote.code, here.code) == (0, 0)
    assert remote.out == here.out
    if options == JSON:
        [_dev, staging, prod] = remote.document
        assert (staging["locked"], staging["drifted"], len(prod["pending"])) == (True, True, 1)


def test_old_status_shows_the_last_known_state_and_its_time(platform: Platform) -> None:
    away = platform.registry.with_name("away")
    platform.remote.run(*STATUS)
    platform.registry.rename(away)
    try:
        # The server keeps its last answer for two seconds.
        assert until(lambda: platform.remote.run(*STATUS).code == 5)
        as_json = platform.remote.run(*STATUS, "--env", "staging", *JSON)
        shown = platform.remote.run(*STATUS, "--env", "staging")
    finally:
        away.rename(platform.registry)

    details = as_json.document["error"]["details"]
    assert (as_json.code, shown.code) == (5, 5)
    assert [row["environment"] for row in details["last_known"]] == ["dev", "staging", "prod"]
    minute = details["read_at"][:16].replace("T", " ")
    assert f"Last read {minute} UTC: staging v1.1.0\n" in shown.err
    assert "prod" not in shown.err
