"""A command needs only the environment variables of the settings it uses."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments: [{name: dev}, {name: staging}, {name: prod}]
    audit: {backend: database, url: "sqlite:///${AUDIT_FILE}"}
    secondary_registries:
      - uri: oci://127.0.0.1:1/acme/platform
        auth: {type: basic, username: ci, password_env: MIRROR_PASSWORD}
    webhooks:
      - {url: "${HOOK_URL}", secret: "${HOOK_SECRET}"}
slack: {channel: C01DEPLOY}
web:
  base_url: https://floe.example
  auth:
    mode: oidc
    issuer: https://accounts.example
    client_id: floe
    client_secret_env: OIDC_SECRET
    allowed_domains: [acme.com]
"""
UNSET = "the environment variable {} is not set"
AUDIT = "artifacts.promotion.audit.url: " + UNSET.format("AUDIT_FILE")
MIRROR = "artifacts.promotion.secondary_registries[0].auth.password_env: " + UNSET.format(
    "MIRROR_PASSWORD"
)
HOOK = [
    "artifacts.promotion.webhooks[0].url: " + UNSET.format("HOOK_URL"),
    "artifacts.promotion.webhooks[0].secret: " + UNSET.format("HOOK_SECRET"),
]
PAGE = "web.auth.client_secret_env: " + UNSET.format("OIDC_SECRET")


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    return Floe(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("platform", "status"),
        ("platform", "audit", "history"),
        ("platform", "promote", "v1.0.0", "--to", "staging", "--dry-run"),
        ("artifact", "pull", "v1.0.0", "--to", "pulled"),
        ("schema",),
    ],
)
def test_read_command_needs_no_other_variables(floe: Floe, arguments: tuple[str, ...]) -> None:
    ended = floe.run(*arguments)

    assert (ended.code, "not set" in ended.err) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (("audit", "verify"), [AUDIT]),
        (("changes",), [AUDIT]),
        (("webhooks",), HOOK),
        (("sync",), [MIRROR]),
        (("promote", "v1.0.0", "--to", "staging"), [AUDIT, MIRROR, *HOOK]),
        (("lock", "--env", "staging", "--reason", "INC-1"), [AUDIT, MIRROR, *HOOK]),
        (("rollback", "v1.0.0", "--env", "staging", "--reason", "x"), [AUDIT, MIRROR, *HOOK]),
    ],
)
def test_command_names_every_variable_it_needs(
    floe: Floe, arguments: tuple[str, ...], needed: list[str]
) -> None:
    before = (floe.folder / "registry" / "index.json").read_bytes()

    ended = floe.run("platform", *arguments, "--output", "json")

    assert ended.code == 2
    problems = ended.document["error"]["details"]["problems"]
    assert [f"{each['path']}: {each['message']}" for each in problems] == needed
    assert (floe.folder / "registry" / "index.json").read_bytes() == before


def test_server_names_every_missing_variable_at_once(floe: Floe) -> None:
    slack = Floe(floe.folder, {"SLACK_BOT_TOKEN": "xoxb-1"})

    ended = slack.run("serve", "--port", "0")

    assert ended.code == 2
    said, *problems = ended.err.splitlines()
    assert said == "Not started: manifest.yaml: 6 problems"
    named = [each.partition(": ")[2] for each in problems[:-1]]
    assert named == [AUDIT, MIRROR, *HOOK, PAGE]
    assert all(each.startswith("  manifest.yaml:") for each in problems[:-1])
    assert problems[-1].startswith("  slack: SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET ")


def test_audit_verify_works_without_the_secrets_of_page_and_webhooks(floe: Floe) -> None:
    audited = Floe(floe.folder, {"AUDIT_FILE": f"{floe.folder}/audit.db"})

    assert audited.run("platform", "audit", "verify").code == 0


def test_primary_registry_without_its_password_is_refused_by_name(floe: Floe) -> None:
    manifest = floe.folder / "manifest.yaml"
    registry = (
        "{uri: oci://127.0.0.1:1/a, auth: {type: basic, username: ci, password_env: REGISTRY_PW}}"
    )
    manifest.write_text(MANIFEST.replace('{uri: "oci-layout:./registry"}', registry))

    ended = floe.run("platform", "status")

    assert ended.code == 2
    assert "artifacts.registry.auth.password_env: " + UNSET.format("REGISTRY_PW") in ended.err
    assert "HOOK_URL" not in ended.err


def test_other_mistakes_are_refused_by_every_command(floe: Floe) -> None:
    manifest = floe.folder / "manifest.yaml"
    manifest.write_text(MANIFEST.replace("client_id:", "clientid:"))

    ended = floe.run("platform", "status")

    assert ended.code == 2
    assert "web.auth.clientid: unknown" in ended.err
