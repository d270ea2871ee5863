"""The settings of registries: address, connection and credentials."""

from pathlib import Path

import pytest

from engine.config.connection import EmbeddedRegistry, RemoteRegistry
from tests.config.manifest_files import load, manifest, problems

BASIC = """
uri: oci://harbor.example.com/acme/platform
auth: {type: basic, username: ci, password_env: REGISTRY_PASSWORD}
"""


def remote(directory: Path, registry: str, **environ: str) -> RemoteRegistry:
    settings = load(directory, manifest(registry=registry), **environ).registry
    assert isinstance(settings, RemoteRegistry)
    return settings


def test_a_layout_is_a_directory_relative_to_the_manifest(tmp_path: Path) -> None:
    assert load(tmp_path, manifest()).registry == EmbeddedRegistry(tmp_path / "registry")


def test_a_remote_registry_is_a_host_and_a_repository_over_https(tmp_path: Path) -> None:
    settings = remote(tmp_path, "uri: oci://Harbor.example.com:8443/acme/platform")

    assert settings.host == "harbor.example.com:8443"
    assert settings.repository == "acme/platform"
    assert settings.scheme == "https"
    assert settings.timeout_seconds == 30
    assert (settings.verify, settings.ca_file) == (True, None)
    assert settings.credentials.type == "docker"


@pytest.mark.parametrize(
    ("scheme", "registry"),
    [
        ("http", "uri: oci://localhost:5000/a"),
        ("http", "uri: oci://127.0.0.1:5000/a"),
        ("http", "uri: 'oci://[::1]:5000/a'"),
        ("https", "uri: oci://localhost:5000/a\ntls: {insecure: false}"),
        ("https", "uri: oci://localhost:5000/a\ntls: {verify: false}"),
        ("http", "uri: oci://registry.corp:5000/a\ntls: {insecure: true}"),
        ("http", "uri: oci://registry.corp:5000/a\ninsecure: true"),
        ("https", "uri: oci://127.0.0.1.example.com/a"),
        ("https", "uri: oci://localhost.example.com/a"),
        ("https", "uri: oci://10.0.0.1:5000/a"),
    ],
)
def test_plain_http_is_for_loopback_hosts_or_on_request(
    tmp_path: Path, scheme: str, registry: str
) -> None:
    assert remote(tmp_path, registry).scheme == scheme


def test_insecure_connections_are_exposures(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        manifest(
            registry="{uri: oci://registry.corp/a, tls: {verify: false}}",
            promotion="secondary_registries: [{uri: oci://other.corp/a, insecure: true}]",
        ),
    )

    assert "registry.corp: its certificate is not verified (tls.verify: false)" in config.exposures
    assert "other.corp: the connection is plain http (insecure: true)" in config.exposures


@pytest.mark.requirement("FR-028")
def test_secondary_registries_have_the_settings_of_the_primary(tmp_path: Path) -> None:
    promotion = """
    secondary_registries:
      - {uri: "oci://eu.example.com/a", timeout_seconds: 5, auth: {type: anonymous}}
      - {uri: "oci-layout:/mirror"}
    """
    config = load(tmp_path, manifest(promotion=promotion))

    eu, mirror = config.secondaries
    assert isinstance(eu, RemoteRegistry)
    assert (eu.host, eu.timeout_seconds, eu.credentials.type) == ("eu.example.com", 5, "anonymous")
    assert mirror == EmbeddedRegistry(Path("/mirror"))


def test_credentials_come_from_the_variables_the_file_names(tmp_path: Path) -> None:
    settings = remote(tmp_path, BASIC, REGISTRY_PASSWORD="hunter2")
    token = remote(
        tmp_path, "{uri: oci://h.example/a, auth: {type: token, token: '${T}'}}", T="hunter3"
    )

    assert settings.credentials.username is not None
    assert settings.credentials.username.get_secret_value() == "ci"
    assert settings.credentials.password is not None
    assert settings.credentials.password.get_secret_value() == "hunter2"
    assert token.credentials.password is not None
    assert token.credentials.password.get_secret_value() == "hunter3"
    assert "hunter" not in repr(settings) + repr(token)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (
            "{type: basic, username: ci, password_env: NOT_SET}",
            "auth.password_env: the environment variable NOT_SET is not set",
        ),
        (
            "{type: token, token: 'a-${NOT_SET}'}",
            "auth.token: the environment variable NOT_SET is not set",
        ),
        (
            "{type: basic, username: ci, password: hunter2}",
            "auth.password: must not be in the file: write ${NAME} for an environment variable",
        ),
        ("{type: basic, username: ci}", "auth: needs either password_env or password"),
        ("{type: token}", "auth: needs either token_env or token"),
        ("{type: kerberos}", "auth: must be one of 'docker', 'basic', 'token', 'anonymous'"),
        ("{type: token, tokn_env: A}", "auth.tokn_env: unknown; did you mean token_env?"),
        (
            "{type: token, token_env: BROKEN}",
            "auth.token_env: the environment variable BROKEN contains control characters",
        ),
        ("{type: token, token: '${A'}", "auth.token: must not be in the file"),
        ("{type: token, token: '${BROKEN} ${A'}", "auth.token: has a ${ without its }"),
    ],
)
def test_unavailable_credentials_are_named_and_never_printed(
    tmp_path: Path, auth: str, said: str
) -> None:
    registry = f"{{uri: oci://h.example/a, auth: {auth}}}"

    found = problems(tmp_path, manifest(registry=registry), BROKEN="hunter2\n")

    assert any(problem.startswith(f"artifacts.registry.{said}") for problem in found)
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("harbor.example.com/acme", "must be oci://host[:port]/repository or oci-layout:DIR"),
        ("https://harbor.example.com/acme", "must be oci://host[:port]/repository or oci-layout"),
        ("oci://harbor.example.com", "has no repository"),
        ("oci://ci:hunter2@h.example/a", "must not contain a user name or password"),
        ("oci://h.example/a:v1", "without a tag or digest"),
        ("oci://h.example/Acme", "lower case letters and digits"),
        ("oci://h.example/a/../b", "lower case letters and digits"),
        ("oci://h.example/a//b", "lower case letters and digits"),
        ("oci://h.example:99999/a", "a port that is not between 1 and 65535"),
        ("oci://h_e.example/a", "its host is not valid"),
        ("oci://[1:2]/a", "without an IPv6 address"),
        ("oci-layout:", "needs a directory"),
        ("oci-layout://host/a", "needs a directory"),
        ("12", "must be oci://host[:port]/repository"),
    ],
)
def test_invalid_address_is_refused_with_the_expected_form(
    tmp_path: Path, uri: str, said: str
) -> None:
    (found,) = problems(tmp_path, manifest(registry=f"uri: '{uri}'"))

    assert found.startswith("artifacts.registry.uri: ")
    assert said in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        ("tls: {ca_file: no.pem}", "tls.ca_file: "),
        ("tls: {ca_file: ca.pem, insecure: true}", "tls.ca_file: has no effect over plain http"),
        ("{insecure: true, tls: {insecure: false}}", "insecure: contradicts tls.insecure"),
        ("timeout_seconds: 0", "timeout_seconds: must be at least 1"),
        ("timeout_seconds: '30'", "timeout_seconds: must be a whole number"),
        ("tls: {verify: 'yes'}", "tls.verify: must be true or false"),
        ("tls: {verify: yes}", "tls.verify: must be true or false"),
        ("tls: ", "tls: has no value"),
    ],
)
def test_contradictory_connection_is_refused(tmp_path: Path, registry: str, said: str) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    inline = registry if registry.startswith("{") else f"{{{registry}}}"

    found = problems(tmp_path, manifest(registry=f"{{uri: oci://h.example/a, {inline[1:-1]}}}"))

    assert any(problem.startswith(f"artifacts.registry.{said}") for problem in found)


def test_repeated_registry_is_refused(tmp_path: Path) -> None:
    promotion = "secondary_registries: [{uri: oci-layout:./registry}]"

    (found,) = problems(tmp_path, manifest(promotion=promotion))

    assert found == (
        "artifacts.promotion.secondary_registries[0].uri: is already configured as another registry"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("oci://Harbor.example.com/acme/p", "oci://harbor.example.com:443/acme/p"),
        ("oci://localhost:5000/acme/p", "oci://127.0.0.1:5000/acme/p"),
        ("oci://localhost:80/acme/p", "oci://[::1]/acme/p"),
        ("oci://docker.io/acme/p", "oci://registry-1.docker.io/acme/p"),
    ],
)
def test_two_spellings_of_one_registry_have_one_canonical_name(
    tmp_path: Path, one: str, other: str
) -> None:
    names = {remote(tmp_path, f"uri: '{uri}'").canonical for uri in (one, other)}

    assert len(names) == 1


def test_other_ports_and_repositories_have_other_canonical_names(tmp_path: Path) -> None:
    uris = ("oci://r.example.com/a", "oci://r.example.com:8443/a", "oci://r.example.com/b")

    assert len({remote(tmp_path, f"uri: {uri}").canonical for uri in uris}) == 3
