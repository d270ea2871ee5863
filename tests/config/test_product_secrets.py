"""A product file cannot use the secrets of the server, or send its credentials elsewhere."""

from pathlib import Path

import pytest

from tests.config.server_files import broken, load, write_product, write_server

SERVER = "state: {url: env:DATABASE}\nledger: {signing: {key: env:SIGNING_KEY}}\n"
DEFAULTS = """
registry:
  uri: oci://harbor.example.com/acme/{product}
  auth: {type: basic, username: ci, password_env: REGISTRY_PASSWORD}
promotion:
  environments: [{name: dev}, {name: prod}]
  webhooks: [{url: "https://hooks.example.com/all?token=${HOOK_TOKEN}"}]
"""
OF_SERVER = (
    "SLACK_BOT_TOKEN",
    "FLOE_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "AZURE_CLIENT_SECRET",
    "REGISTRY_PASSWORD",
    "HOOK_TOKEN",
    "DATABASE",
    "SIGNING_KEY",
)
REPEATED = "{url: 'https://hooks.example.com/all?token=${HOOK_TOKEN}'}"


@pytest.mark.parametrize("name", OF_SERVER)
@pytest.mark.parametrize(
    ("own", "place"),
    [
        (
            "webhooks: [REPEATED, {url: 'https://evil.example.net/?t=${NAME}'}]",
            "webhooks[1].url",
        ),
        (
            "webhooks: [REPEATED, {url: 'https://evil.example.net', headers: {A: '${NAME}'}}]",
            "webhooks[1].headers.A",
        ),
        (
            "secondary_registries: [{uri: 'oci://evil.example.net/x', "
            "auth: {type: token, token_env: NAME}}]",
            "secondary_registries[0].auth.token_env",
        ),
    ],
)
def test_product_cannot_use_a_variable_of_the_server(
    tmp_path: Path, name: str, own: str, place: str
) -> None:
    path = write_server(tmp_path, DEFAULTS, SERVER)
    text = own.replace("REPEATED", REPEATED).replace("NAME", name)
    write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{{text}}}}}")

    assert broken(path, "checkout") == [
        f"checkout.yaml:4: artifacts.promotion.{place}: the environment variable {name} is one of "
        "the server: use another"
    ]


def test_gate_of_a_product_does_not_get_a_variable_of_the_server(tmp_path: Path) -> None:
    path = write_server(tmp_path, DEFAULTS, SERVER)
    gates = "gates: {tests: {command: x, env: [HOME, REGISTRY_PASSWORD]}}"
    write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{{gates}}}}}")

    assert broken(path, "checkout") == [
        "checkout.yaml:4: artifacts.promotion.gates.tests.env[1]: the environment variable "
        "REGISTRY_PASSWORD is one of the server: use another"
    ]


def test_product_inherits_secrets_and_has_its_own(tmp_path: Path) -> None:
    path = write_server(tmp_path, DEFAULTS, SERVER)
    hooks = f"[{REPEATED}, {{url: 'https://hooks.example.com/own?token=${{OWN_TOKEN}}'}}]"
    write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{webhooks: {hooks}}}}}")

    installation = load(path, HOOK_TOKEN="a", OWN_TOKEN="b", REGISTRY_PASSWORD="c")

    assert not installation.broken
    config = installation.products["checkout"]
    assert [each.url.get_secret_value() for each in config.webhooks] == [
        "https://hooks.example.com/all?token=a",
        "https://hooks.example.com/own?token=b",
    ]
    assert config.registry.kind == "remote"
    password = config.registry.credentials.password
    assert password is not None
    assert password.get_secret_value() == "c"


@pytest.mark.parametrize(
    "own",
    [
        "uri: 'oci://evil.example.net/x'",
        "uri: 'oci://harbor.example.com:8443/acme/checkout'",
        "uri: 'oci://evil.example.net/x', auth: {username: me}",
        "uri: 'oci://evil.example.net/x', auth: {type: basic, username: me}",
    ],
)
@pytest.mark.parametrize(
    "default", [DEFAULTS, DEFAULTS.replace("  uri: oci://harbor.example.com/acme/{product}\n", "")]
)
def test_credentials_of_the_defaults_go_to_their_host_only(
    tmp_path: Path, own: str, default: str
) -> None:
    path = write_server(tmp_path, default)
    write_product(tmp_path, "checkout", f"artifacts: {{registry: {{{own}}}}}")

    assert broken(path, "checkout") == [
        "checkout.yaml:4: artifacts.registry.uri: is not at the host of the defaults of floe.yaml, "
        "whose credentials it would get: give it an auth of its own here, or add registry.uri to "
        "defaults.may_override there"
    ]
    allowed = write_server(tmp_path, f"{default}may_override: [registry.uri]")
    assert dict(load(allowed).broken) == {}


@pytest.mark.parametrize(
    "own",
    [
        "uri: 'oci://HARBOR.example.com/other/checkout'",
        "uri: oci-layout:./checkout",
        "uri: 'oci://other.example.net/x', auth: {type: docker}",
        "uri: 'oci://other.example.net/x', auth: {type: token, token_env: OWN}",
        "uri: 'oci://other.example.net/x', auth: {type: basic, username: me, password_env: OWN}",
    ],
)
def test_product_has_another_registry_with_its_own_credentials(tmp_path: Path, own: str) -> None:
    path = write_server(tmp_path, DEFAULTS)
    write_product(tmp_path, "checkout", f"artifacts: {{registry: {{{own}}}}}")

    assert dict(load(path).broken) == {}
