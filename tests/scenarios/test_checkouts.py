"""Commands in two checkouts on one machine write the same registry one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.issuer import issuer
from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import raw
from tests.scenarios.commands import Finished, Floe, finish

pytestmark = pytest.mark.timeout(300)
VERSIONS = [f"v1.0.{number}" for number in range(6)]
JSON = ("--output", "json")


@dataclass(frozen=True)
class Checkouts:
    """Two directories with the same manifest and separate state, used by alice."""

    one: Floe
    two: Floe

    def promote_all(self, first: Floe, second: Floe) -> list[Finished]:
        """Promote every version at once, alternating between `first` and `second`."""
        older = ("--allow-older", "--reason", "promoted side by side")
        words = ("platform", "promote", "--to", "staging", *older, *JSON)
        running = [(first, second)[n % 2].start(*words, v) for n, v in enumerate(VERSIONS)]
        return [finish(process) for process in running]

    def recorded(self, field: str) -> set[Any]:
        words = ("platform", "audit", "history", "--env", "staging", "--limit", "100")
        return {record.get(field) for record in self.one.run(*words, *JSON).document["records"]}


@pytest.fixture
def checkouts(registry_host: str, repository: str, tmp_path: Path) -> Iterator[Checkouts]:
    for version in VERSIONS:
        raw.push(registry_host, repository, image(version.encode()), f"{version}-dev")
    with issuer() as people:
        # The machine's own directory for leases, not that of the tests.
        environ = {"FLOE_ID_TOKEN": people.token("alice@acme.com"), "FLOE_LOCK_DIR": ""}
        for name in ("one", "two"):
            write_manifest(tmp_path / name, f"oci://{registry_host}/{repository}", people.url)
        yield Checkouts(Floe(tmp_path / "one", environ), Floe(tmp_path / "two", environ))


def check(checkouts: Checkouts, ended: list[Finished]) -> None:
    """Assert that every reported promotion is on record and no run had a conflict."""
    said = {done.document["version"] for done in ended if done.code == 0}
    assert said <= checkouts.recorded("version")
    assert said
    assert 10 not in {done.code for done in ended}, [done.out for done in ended]


def test_every_reported_promotion_is_on_the_ledger(checkouts: Checkouts) -> None:
    ended = checkouts.promote_all(checkouts.one, checkouts.two)

    check(checkouts, ended)
    assert checkouts.one.run("platform", "audit", "verify").code == 0


def test_every_reported_lock_is_on_the_ledger(checkouts: Checkouts) -> None:
    words = ("platform", "lock", "--env", "staging", "--for", "1h", *JSON, "--reason")

    both = (checkouts.one, checkouts.two)
    ended = [finish(p) for p in [both[n % 2].start(*words, f"INC-{n}") for n in range(6)]]

    said = [done.document["lock_id"] for done in ended if done.code == 0]
    assert len(said) == 1
    assert set(said) <= checkouts.recorded("lock_id")
    assert {done.code for done in ended} == {0, 13}


def test_command_beside_a_server_in_another_directory_loses_nothing(
    checkouts: Checkouts, tmp_path: Path
) -> None:
    with serving(checkouts.one.folder, FLOE_LOCK_DIR="") as server:
        client = server.client(tmp_path / "client", checkouts.two.environ["FLOE_ID_TOKEN"])
        ended = checkouts.promote_all(client, checkouts.two)

    check(checkouts, ended)
