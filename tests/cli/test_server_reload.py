"""A running `floe serve` reads its files again when it receives SIGHUP."""

import signal
from pathlib import Path

import httpx

from tests.builders import image
from tests.cli.serving import Serving, serving
from tests.config.server_files import write_product, write_server
from tests.peers import oci_layout
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.changing import until

DEFAULTS = "promotion: {environments: [{name: dev}, {name: prod, authorization: {}}]}"
CHANNEL = "slack: {channel: %s}\n"
IDENTITY = """
identity:
  groups: {sre: [%s]}
  lockers: [sre]
  oidc: [{issuer: '%s', audience: floe}]
"""
LOCK = ("platform", "lock", "--env", "dev", "--reason", "INC-7")
BOB, CAROL = "bob@acme.com", "carol@acme.com"


def write(folder: Path, name: str) -> None:
    write_product(folder, name, f"artifacts: {{registry: {{uri: 'oci-layout:../{name}'}}}}\n")
    oci_layout.write(folder / name, image(name.encode()), "v1.0.0-dev")


def reload(server: Serving, folder: Path, said: str) -> None:
    """Read the files again, until the server has `said` so."""
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: said in (folder / "serve.log").read_text())


def test_hangup_reads_the_files_again_and_names_what_needs_a_restart(tmp_path: Path) -> None:
    file = write_server(tmp_path, DEFAULTS, CHANNEL % "C01DEPLOY")
    write(tmp_path, "checkout")
    with serving(tmp_path, FLOE_MANIFEST=str(file)) as server:

        def products() -> set[str]:
            listed = httpx.get(f"{server.url}/api/v1/products").json()
            return {each["product"] for each in listed}

        assert products() == {"checkout"}
        write(tmp_path, "search")
        write_server(tmp_path, DEFAULTS, CHANNEL % "C02OTHER")

        reload(server, tmp_path, "Restart floe serve: slack changed too")

        assert until(lambda: products() == {"checkout", "search"})
        said = (tmp_path / "serve.log").read_text()
        assert "Reloaded: 1 opened, 1 replaced, 0 removed" in said
        assert server.process.poll() is None


def test_removed_locker_no_longer_locks_at_the_command_line(tmp_path: Path) -> None:
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:

        def token(who: str) -> str:
            return key.sign(claims(issuer.issuer, sub=who, email=who, email_verified=True))

        file = write_server(tmp_path, DEFAULTS, IDENTITY % (f"{BOB}, {CAROL}", issuer.issuer))
        write(tmp_path, "checkout")
        with serving(tmp_path, FLOE_MANIFEST=str(file)) as server:
            bob = server.client(tmp_path / "bob", token(BOB))
            carol = server.client(tmp_path / "carol", token(CAROL))
            before = bob.run(*LOCK)
            carol.run("platform", "unlock", "--env", "dev", "--reason", "over")
            write_server(tmp_path, DEFAULTS, IDENTITY % (CAROL, issuer.issuer))

            reload(server, tmp_path, "Reloaded: 0 opened, 1 replaced, 0 removed")
            after = bob.run(*LOCK)

            assert (before.code, after.code) == (0, 12), before.err + after.err
            assert carol.run(*LOCK).code == 0
