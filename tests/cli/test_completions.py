"""Shells complete environments, versions and changes; errors are silent."""

import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Finished, Floe


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """Three versions on the path dev, staging, prod."""
    for version in ("v1.0.0", "v1.1.0", "v2.0.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    return Floe.on("oci-layout:./registry", tmp_path)


def ask(floe: Floe, line: str) -> Finished:
    """Press the Tab key at the end of `line`, as bash does."""
    words = line.split(" ")
    asked = {
        "_FLOE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return Floe(floe.folder, floe.environ | asked).run()


def completed(floe: Floe, line: str) -> list[str]:
    answer = ask(floe, line)
    assert (answer.code, answer.err) == (0, "")
    return [each.partition(",")[2] for each in answer.out.splitlines() if each]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("floe platform promote v1", ["v1.1.0", "v1.0.0"]),
        ("floe platform rollback ", ["v2.0.0", "v1.1.0", "v1.0.0"]),
        ("floe platform promote v1.0.0 --to st", ["staging"]),
        ("floe platform promote v1.0.0 p", ["prod"]),
        ("floe platform status --env ", ["dev", "staging", "prod"]),
        ("floe platform lock ", ["dev", "staging", "prod"]),
        ("floe platform lock prod ", []),
        ("floe platform versions --after v2", ["v2.0.0"]),
        ("floe platform cancel ", []),
        ("floe platform versi", ["versions"]),
    ],
)
def test_values_of_the_platform_are_completed(floe: Floe, line: str, words: list[str]) -> None:
    assert completed(floe, line) == words


def test_manifest_of_a_directory_above_is_used(floe: Floe) -> None:
    below = floe.folder / "below"
    below.mkdir()
    (floe.folder / ".git").mkdir()

    assert completed(Floe(below, floe.environ), "floe platform lock s") == ["staging"]


@pytest.mark.parametrize(
    "line",
    [
        "floe platform promote v1",
        "floe platform lock ",
        "floe platform cancel c",
        "floe nonsense promote ",
        "floe platform promote --manifest nowhere.yaml v",
    ],
)
def test_errors_complete_nothing_and_say_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.yaml").write_text("kind: [")

    answer = ask(Floe(tmp_path), line)

    assert (answer.out.strip(), answer.err) == ("", "")


def test_registry_that_does_not_answer_delays_nobody(tmp_path: Path) -> None:
    # A blocked address of RFC 5737.
    floe = Floe.on("oci://192.0.2.1/acme/platform", tmp_path)
    begun = time.monotonic()

    assert completed(floe, "floe platform promote --manifest manifest.yaml v") == []
    # The timeout of this registry is 20 seconds.
    assert time.monotonic() - begun < 15


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a host, and the requests that it has got."""
    got: list[str] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers.get("Authorization", ""))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


UNTRUSTED = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://%s/acme/platform", auth: {type: token, token_env: GITHUB_TOKEN}}
  promotion: {environments: [{name: dev}, {name: prod}]}
"""


@pytest.mark.parametrize("place", [".", "below"])
def test_secret_is_sent_only_to_hosts_of_a_named_manifest(
    tmp_path: Path, asked: tuple[str, list[str]], place: str
) -> None:
    address, got = asked
    (tmp_path / "manifest.yaml").write_text(UNTRUSTED % address)
    (tmp_path / place).mkdir(exist_ok=True)
    floe = Floe(tmp_path / place, {"GITHUB_TOKEN": "secret"})

    for line in ("promote v", "promote v1 --to ", "cancel c", "status --env "):
        completed(floe, f"floe platform {line}")
    unnamed = list(got)
    environments = completed(floe, "floe platform lock p")
    completed(floe, f"floe platform promote --manifest {tmp_path}/manifest.yaml v")

    assert (unnamed, environments, got[:1] != []) == ([], ["prod"], True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_manifest_of_another_user_completes_nothing(floe: Floe) -> None:
    os.chown(floe.folder / "manifest.yaml", 12345, 12345)

    assert completed(floe, "floe platform lock p") == []
    assert completed(floe, "floe platform lock --manifest manifest.yaml p") == ["prod"]


@pytest.mark.timeout(180)
def test_server_completes_versions_and_changes(tmp_path: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place, token = tmp_path / "platform", provider.id_token("bob")
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        oci_layout.write(place / "registry", image(), "v1.0.0-dev")
        done = Floe(place, {"FLOE_ID_TOKEN": token}).promote("v1.0.0", "staging")
        assert done.code == 0, done.document["error"]
        with serving(place) as server:
            client = server.client(tmp_path / "ci", token)
            client.promote("v1.0.0", "prod")

            versions = completed(client, "floe platform promote ")
            environments = completed(client, "floe platform status --env p")
            changes = completed(client, "floe platform cancel ")
            listed = client.run("platform", "changes", "--output", "json").document

    assert (versions, environments) == (["v1.0.0"], ["prod"])
    assert changes == [each["change_id"] for each in listed["changes"]] != []
