"""Credentials found the way docker finds them."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.auth.credentials import (
    BearerToken,
    Credential,
    IdentityToken,
    Password,
)
from engine.adapters.registry.remote.auth.sources import docker
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import ConfigError, PromotionError, RegistryAccessError
from tests.builders import image
from tests.peers import skopeo
from tests.peers.docker_registry import PASSWORD, USER, docker_registry
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import TokenAuth

Opened = Callable[..., DistributionRegistry]
HOST = "harbor.example.com"
ALICE = Password("alice", "s3:cret")
HUB_KEY = "https://index.docker.io/v1/"


class Home:
    """A user's home with docker's configuration and helpers in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / ".docker" / "config.json"
        self.config.parent.mkdir()
        (folder / "bin").mkdir()

    def write(self, **config: object) -> None:
        self.config.write_text(json.dumps(config))

    def helper(self, name: str, body: str) -> None:
        program = self.folder / "bin" / f"docker-credential-{name}"
        program.write_text(f"#!{sys.executable}\nimport sys, json\nasked = input()\n{body}\n")
        program.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return made


def encoded(credential: Password = ALICE) -> str:
    return base64.b64encode(f"{credential.user}:{credential.password}".encode()).decode()


@pytest.mark.parametrize(
    "key",
    [HOST, f"https://{HOST}", f"http://{HOST}", f"https://{HOST}/v1/", f"https://{HOST}/v2/"],
)
def test_a_login_is_found_under_every_spelling_of_its_host(home: Home, key: str) -> None:
    home.write(auths={"other.example.com": {"auth": "eDp5"}, key: {"auth": encoded()}})

    assert docker(HOST) == ALICE


def test_the_key_that_is_exactly_the_host_goes_first(home: Home) -> None:
    home.write(auths={f"https://{HOST}": {"auth": "eDp5"}, HOST: {"auth": encoded()}})

    assert docker(HOST) == ALICE


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_its_own_key(home: Home, host: str) -> None:
    home.write(auths={HUB_KEY: {"auth": encoded()}})

    assert docker(host) == ALICE


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": base64.b64encode(b"alice:s3:cret\0\0").decode()}, ALICE),
        ({"username": "alice", "password": "s3:cret"}, ALICE),
        ({"auth": "", "identitytoken": "refresh"}, IdentityToken("refresh")),
        ({"auth": encoded(), "identitytoken": "refresh"}, IdentityToken("refresh")),
        ({"registrytoken": "access"}, BearerToken("access")),
        ({"auth": encoded(Password("<token>", "refresh"))}, IdentityToken("refresh")),
        ({}, None),
    ],
)
def test_each_kind_of_entry_is_understood(
    home: Home, entry: dict[str, str], expected: Credential | None
) -> None:
    home.write(auths={HOST: entry})

    assert docker(HOST) == expected


@pytest.mark.parametrize("config", [{}, {"auths": None}, {"auths": {"other:5000": {}}}, None])
def test_nothing_is_found_where_nothing_is(home: Home, config: dict[str, object] | None) -> None:
    if config is not None:
        home.write(**config)

    assert docker(HOST) is None


def test_another_port_or_namespace_is_another_registry(home: Home) -> None:
    home.write(auths={f"{HOST}:5000": {"auth": "eDp5"}, f"{HOST}/team": {"auth": "eDp5"}})

    assert docker(HOST) is None
    assert docker(f"{HOST}:5000") == Password("x", "y")


def test_docker_config_names_the_only_folder_that_is_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.write(auths={HOST: {"auth": encoded()}})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(elsewhere))

    assert docker(HOST) is None
    (elsewhere / "config.json").write_text(json.dumps({"auths": {HOST: {"auth": "eDp5"}}}))
    assert docker(HOST) == Password("x", "y")


@pytest.mark.parametrize("chosen", [True, False], ids=["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"])
def test_a_skopeo_login_opens_the_registry(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, *, chosen: bool
) -> None:
    file = tmp_path / ("chosen.json" if chosen else "run/containers/auth.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    home.write(auths={})
    with docker_registry(tmp_path, htpasswd=True) as asking:
        login = ["skopeo", "login", "--authfile", str(file), "--tls-verify=false"]
        who = ["--username", USER, "--password-stdin", asking.host]
        subprocess.run([*login, *who], input=PASSWORD.encode(), check=True, capture_output=True)
        skopeo.push(asking.host, "acme/platform", image(), "v1.0.0", f"{USER}:{PASSWORD}")
        if chosen:
            # Not before: docker-registry takes every REGISTRY_… for a setting of its own.
            monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
        registry = opened(asking.host, "acme/platform", credentials=docker)

        assert registry.resolve(Tag("v1.0.0")) == image().manifest.digest
        assert registry.accepted_user == USER


@pytest.mark.parametrize(
    ("repository", "user"),
    [("acme/platform", "app"), ("acme/other", "team"), ("acme2/platform", "all"), ("", "all")],
)
def test_the_longest_namespace_counts(home: Home, repository: str, user: str) -> None:
    keys = {HOST: "all", f"{HOST}/acme": "team", f"{HOST}/acme/platform": "app"}
    home.write(auths={key: {"auth": encoded(Password(name, "x"))} for key, name in keys.items()})

    assert docker(f"{HOST}/{repository}") == Password(user, "x")


@pytest.mark.parametrize("entry", [{}, {"auth": ""}])
def test_an_empty_entry_leaves_the_word_to_the_next_file(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, str]
) -> None:
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"auths": {f"{HOST}/acme": entry, HOST: entry}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(chosen))
    home.write(auths={HOST: {"auth": encoded()}})

    assert docker(f"{HOST}/acme/platform") == ALICE


def test_a_file_chosen_for_this_run_goes_before_the_one_of_docker(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"auths": {HOST: {"auth": encoded()}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(chosen))
    home.write(auths={HOST: {"auth": "eDp5"}})

    assert docker(HOST) == ALICE


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"auths": [1]}', json.dumps({"auths": {HOST: {"auth": "###"}}})]
)
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(home: Home, text: str) -> None:
    home.config.write_text(text)

    with pytest.raises(ConfigError, match=r"config\.json") as caught:
        docker(HOST)

    assert "docker login" in str(caught.value)
    assert "###" not in str(caught.value)


def test_a_helper_for_the_host_goes_before_the_store_and_the_file(home: Home) -> None:
    home.write(auths={HOST: {"auth": "eDp5"}}, credHelpers={HOST: "mine"}, credsStore="everybodys")
    home.helper("mine", 'print(json.dumps({"Username": "u", "Secret": asked + sys.argv[1]}))')

    assert docker(HOST) == Password("u", f"{HOST}get")


def test_the_store_is_asked_for_docker_hub_under_its_key(home: Home) -> None:
    home.write(credsStore="all")
    home.helper("all", 'print(json.dumps({"Username": "<token>", "Secret": asked}))')

    assert docker("docker.io") == IdentityToken(HUB_KEY)


def test_a_store_that_knows_nothing_leaves_the_word_to_the_file(home: Home) -> None:
    home.write(auths={HOST: {"auth": encoded()}}, credsStore="empty")
    home.helper("empty", 'print("credentials not found in native keychain"); sys.exit(1)')

    assert docker(HOST) == ALICE


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('print("locked\\x1b", file=sys.stderr); sys.exit(1)', r"locked\\x1b"),
        ('print("not json")', "no valid credential"),
        ('print(json.dumps({"Username": "u"}))', "no valid credential"),
    ],
)
def test_a_helper_that_fails_is_named(home: Home, body: str, words: str) -> None:
    home.write(credHelpers={HOST: "broken"})
    home.helper("broken", body)

    with pytest.raises(RegistryAccessError, match=f"docker-credential-broken.*{words}"):
        docker(HOST)


@pytest.mark.parametrize(
    ("name", "error"), [("absent", RegistryAccessError), ("../bin/evil; true", ConfigError)]
)
def test_a_helper_that_is_missing_or_no_name_is_an_error(
    home: Home, name: str, error: type[PromotionError]
) -> None:
    home.write(credsStore=name)

    with pytest.raises(error):
        docker(HOST)


def test_a_docker_login_opens_the_registry(
    home: Home, fake: FakeRegistry, opened: Callable[..., DistributionRegistry]
) -> None:
    fake.hold("acme/platform", image(), "v1.0.0")
    fake.behaviour.auth = TokenAuth(password="s3:cret")
    home.write(auths={fake.host: {"auth": encoded()}})
    registry = opened(fake.host, credentials=docker)

    assert registry.resolve(Tag("v1.0.0")) == image().manifest.digest
    assert registry.accepted_user == "alice"


def test_nothing_of_oras_is_loaded_before_a_registry_asks() -> None:
    program = (
        "import sys, engine.adapters.registry.remote.factory\n"
        "import engine.adapters.registry.remote.auth.sources\n"
        "print([name for name in sys.modules if name.startswith(('oras', 'requests'))])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
