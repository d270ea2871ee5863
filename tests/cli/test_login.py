"""Signing in on the command line with a real provider, to a server and for local commands."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import image
from tests.cli.desk import desk_in
from tests.cli.serving import Serving, serving, write_manifest
from tests.peers import oci_layout
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.oidc_provider import OidcProvider, enter_code, oidc_provider
from tests.scenarios.commands import finish

# A person needs no time here, and tokens that last less are renewed at each command.
SHORT_SECONDS = 30


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """A provider whose ID tokens end almost at once."""
    folder = tmp_path_factory.mktemp("forgetful")
    with oidc_provider(folder, id_token_seconds=SHORT_SECONDS) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("server")
    platform_in(folder, provider)
    with serving(folder) as running:
        yield running


def platform_in(folder: Path, provider: OidcProvider) -> None:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    write_manifest(folder, "oci-layout:./registry", provider.issuer)


def test_person_signs_in_to_a_server_with_the_browser(server: Serving, tmp_path: Path) -> None:
    desk = desk_in(tmp_path, FLOE_SERVER=server.url)

    before = desk.run("whoami")
    signed_in = desk.run("login")
    after = desk.run("whoami", "--output", "json")

    assert before.code == 12
    assert f"run floe login --server {server.url}" in before.err
    assert signed_in.code == 0, signed_in.err
    assert f"alice@acme.com through OIDC at {server.url}" in signed_in.out
    assert "groups platform-admins, release-managers" in signed_in.out
    assert "may promote to dev, staging, prod; may approve for prod" in signed_in.out
    assert after.document["operator"] == "alice@acme.com"
    assert after.document["rights"] == [
        {"product": None, "promote": ["dev", "staging", "prod"], "approve": ["prod"]}
    ]
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(desk.file.parent.stat().st_mode) == 0o700


def test_person_signs_in_with_the_browser_of_another_device(
    server: Serving, tmp_path: Path
) -> None:
    desk = desk_in(tmp_path, FLOE_SERVER=server.url, BROWSER="false")
    process = desk.floe.start("login", "--device")
    assert process.stderr is not None
    shown = b""
    while b"user_code=" not in shown or not shown.endswith(b"\n"):
        shown += process.stderr.readline()
    address = re.search(r"(http\S+user_code=\S+)", shown.decode())
    assert address

    page = enter_code(address[1], "bob")
    ended = finish(process)

    assert "Sign-in Success" in page
    assert ended.code == 0, ended.err
    assert "bob@acme.com through OIDC" in ended.out


def test_token_goes_only_to_the_server_it_was_made_for(server: Serving, tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    assert desk.run("login", "--server", server.url).code == 0

    with Eavesdropper() as elsewhere:
        asked = desk_in(tmp_path, FLOE_SERVER=f"http://{elsewhere.host}").run("status")

    assert asked.code != 0
    assert elsewhere.requests
    assert all("authorization" not in request.headers for request in elsewhere.requests)


class Eavesdropper(FakeServer):
    def respond(self, request: Request) -> Reply:
        return Reply(404)


def test_token_is_renewed_with_a_refresh_token_that_changes(
    forgetful: OidcProvider, tmp_path: Path
) -> None:
    platform_in(tmp_path, forgetful)
    desk = desk_in(tmp_path)
    assert desk.run("login").code == 0
    [first] = desk.stored.values()

    known = desk.run("whoami", "--output", "json")

    [second] = desk.stored.values()
    assert known.document["operator"] == "alice@acme.com"
    assert known.document["source"] == "oidc"
    assert first["refresh_token"] != second["refresh_token"]


def test_expired_sign_in_names_the_command_and_is_no_other_identity(
    forgetful: OidcProvider, tmp_path: Path
) -> None:
    platform_in(tmp_path, forgetful)
    desk = desk_in(tmp_path)
    assert desk.run("login").code == 0
    [place] = desk.stored
    desk.file.write_text(json.dumps({place: desk.stored[place] | {"refresh_token": "used"}}))

    refused = desk.run("promote", "v1.0.0", "--to", "staging")

    assert refused.code == 12
    assert f"Your sign-in for {forgetful.issuer} expired: run floe login\n" in refused.err


def test_expired_sign_in_hides_no_other_one(
    provider: OidcProvider, forgetful: OidcProvider, tmp_path: Path
) -> None:
    platform_in(tmp_path, provider)
    file = tmp_path / "manifest.yaml"
    first = f'oidc: [{{issuer: "{forgetful.issuer}", audience: floe}}, '
    file.write_text(file.read_text().replace("oidc: [", first))
    desk = desk_in(tmp_path)
    assert desk.run("login", "--issuer", forgetful.issuer).code == 0
    [place] = desk.stored
    expired = {place: desk.stored[place] | {"refresh_token": "used"}}
    desk.file.write_text(json.dumps(expired))
    assert desk.run("login", "--issuer", provider.issuer).code == 0

    known = desk.run("whoami", "--output", "json")

    assert known.code == 0, known.err
    assert known.document["operator"] == "alice@acme.com"


def test_signing_out_ends_the_sign_in_at_the_provider(
    forgetful: OidcProvider, tmp_path: Path
) -> None:
    platform_in(tmp_path, forgetful)
    desk = desk_in(tmp_path)
    assert desk.run("login").code == 0
    kept = desk.file.read_text()

    out = desk.run("logout")
    again = desk.run("logout")
    who = desk.run("whoami")
    # A thief's copy is worth nothing.
    desk.file.write_text(kept)
    copied = desk.run("whoami")

    assert (out.code, out.out) == (0, f"Signed out of {forgetful.issuer}\n")
    assert (again.code, again.out) == (0, "You were not signed in\n")
    assert "through the operating system" in who.out
    assert copied.code == 12
    assert "expired: run floe login" in copied.err


def test_local_promotion_is_recorded_under_the_name_of_the_sign_in(
    provider: OidcProvider, tmp_path: Path
) -> None:
    platform_in(tmp_path, provider)
    desk = desk_in(tmp_path)

    signed_in = desk.run("login")
    done = desk.run("promote", "v1.0.0", "--to", "staging", "--output", "json")

    assert signed_in.code == 0, signed_in.err
    assert done.code == 0, done.err
    assert done.document["operator"] == "alice@acme.com"


def test_server_that_refuses_the_token_leaves_nothing_stored(
    provider: OidcProvider, tmp_path: Path
) -> None:
    folder = tmp_path / "server"
    platform_in(folder, provider)
    text = (folder / "manifest.yaml").read_text()
    rules = "audience: floe, allowed_domains: [other.example]"
    (folder / "manifest.yaml").write_text(text.replace("audience: floe", rules))
    with serving(folder) as running:
        desk = desk_in(tmp_path / "desk", FLOE_SERVER=running.url)
        refused = desk.run("login")

    assert refused.code == 12
    assert "identity.oidc does not admit this token" in refused.err
    assert not desk.file.exists()


def test_manifest_without_a_provider_is_explained(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    desk = desk_in(tmp_path)
    write_manifest(tmp_path, "oci-layout:./registry", "https://token.actions.githubusercontent.com")
    text = (tmp_path / "manifest.yaml").read_text()
    jobs = 'audience: floe, subjects: ["repo:acme/platform:**"]'
    (tmp_path / "manifest.yaml").write_text(text.replace("audience: floe", jobs))

    refused = desk.run("login")

    assert refused.code == 2
    assert "has no provider to sign in with: add its issuer to identity.oidc" in refused.err


def test_one_of_several_providers_must_be_named(provider: OidcProvider, tmp_path: Path) -> None:
    platform_in(tmp_path, provider)
    file = tmp_path / "manifest.yaml"
    another = 'oidc: [{issuer: "https://login.acme.com"}, '
    file.write_text(file.read_text().replace("oidc: [", another))
    desk = desk_in(tmp_path)

    unnamed = desk.run("login")
    unknown = desk.run("login", "--issuer", "https://other.example")
    named = desk.run("login", "--issuer", provider.issuer)

    known = f"https://login.acme.com, {provider.issuer}"
    assert (unnamed.code, unknown.code) == (2, 2)
    assert f"has several providers: name one with --issuer ({known})" in unnamed.err
    assert f"has no provider https://other.example: name one of {known}" in unknown.err
    assert named.code == 0, named.err


def test_server_names_its_providers_without_a_token(
    server: Serving, provider: OidcProvider
) -> None:
    answer = httpx.get(f"{server.url}/api/v1/sign-in")

    assert answer.json() == {"issuers": [{"issuer": provider.issuer, "client_id": "floe"}]}
