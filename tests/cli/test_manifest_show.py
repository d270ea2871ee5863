"""`floe manifest show` prints the settings of a product, and `floe schema` all possible ones."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from engine.config import load_product
from tests.config.server_files import PRODUCT, write_product, write_server
from tests.scenarios.commands import Floe

DEFAULTS = """
registry:
  uri: oci://harbor.example.com/acme/{product}
  auth: {type: basic, username: robot, password: "${REGISTRY_PASSWORD}"}
promotion:
  environments:
  - name: dev
  - name: prod
    approvals: {required: 1}
  webhooks: [{url: "https://hooks.example/SECRET", headers: {X-Token: "Bearer ${HOOK}"}}]
"""
SERVER = """
slack: {channel: C01DEPLOY}
state: {url: "postgresql://floe:${PW}@db/floe"}
other: {token: SECRET}
"""
OWN = """\
slack: {channels: [C02]}
artifacts:
  promotion:
    environments:
    - name: prod
      approvals: {required: 2}
    audit: {backend: s3, url: "s3://audit", options: {key: SECRET, ssl: true}}
other: {token: SECRET}
"""


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    write_server(tmp_path, DEFAULTS, SERVER.replace("other: {token: SECRET}\n", ""))
    write_product(tmp_path, "checkout", OWN)
    return Floe(tmp_path, {"FLOE_MANIFEST": "floe.yaml"})


def test_inherited_settings_name_their_file_and_line(floe: Floe) -> None:
    said = floe.run("manifest", "show", "checkout")

    assert said.code == 0
    digest = load_product(floe.folder / "floe.yaml", {}, "checkout").policy.digest
    assert said.out.splitlines()[-1] == f"# Policy digest: {digest}"
    for line in (
        "  channel: C01DEPLOY  # floe.yaml:5",
        "  registry:  # floe.yaml:8",
        "    - name: dev  # floe.yaml:13",
        "        required: 2",
        "state:  # floe.yaml:6",
    ):
        assert line in said.out.splitlines()
    shown = yaml.safe_load(said.out)
    assert shown["artifacts"]["registry"]["uri"] == "oci://harbor.example.com/acme/checkout"
    assert shown["slack"] == {"channel": "C01DEPLOY", "channels": ["C02"]}


@pytest.mark.parametrize("output", ["table", "json"])
def test_secrets_are_hidden_and_references_are_not(floe: Floe, output: str) -> None:
    said = floe.run("manifest", "show", "checkout", "--output", output)

    assert said.code == 0
    assert "SECRET" not in said.out.replace("REGISTRY_PASSWORD", "")
    assert "postgresql" not in said.out
    for reference in ("${REGISTRY_PASSWORD}", "********${HOOK}", "********${PW}"):
        assert reference in said.out


def test_document_has_the_same(floe: Floe) -> None:
    document = floe.run("manifest", "show", "--output", "json").document

    assert document["product"] == "checkout"
    assert document["file"] == "products/checkout.yaml"
    assert document["manifest"]["artifacts"]["promotion"]["environments"][1] == {
        "name": "prod",
        "approvals": {"required": 2},
    }
    assert document["origins"]["artifacts.promotion.environments[0]"] == "floe.yaml:13"
    assert document["policy_digest"].startswith("sha256:")


def test_single_manifest_is_shown_as_it_is(tmp_path: Path) -> None:
    text = f"{PRODUCT}artifacts: {{registry: {{uri: oci-layout:r}}}}\nother: {{token: SECRET}}\n"
    (tmp_path / "manifest.yaml").write_text(text)

    said = Floe(tmp_path).run("manifest", "show")

    assert yaml.safe_load(said.out) == {
        "apiVersion": "floe.dev/v1",
        "kind": "Manifest",
        "artifacts": {"registry": {"uri": "oci-layout:r"}},
    }


def test_unknown_product_fails(floe: Floe) -> None:
    said = floe.run("manifest", "show", "chekout")

    assert said.code == 2
    assert "floe.yaml has no product chekout; did you mean checkout?" in said.err


def test_schemas_accept_the_files_and_refuse_mistakes(floe: Floe) -> None:
    def schema(*kind: str) -> Draft202012Validator:
        document = floe.run("schema", *kind).document
        Draft202012Validator.check_schema(document)
        return Draft202012Validator(document)

    server = yaml.safe_load((floe.folder / "floe.yaml").read_text())
    product = yaml.safe_load((floe.folder / "products/checkout.yaml").read_text())

    assert schema("server").is_valid(server)
    assert not schema("server").is_valid({**server, "artifacts": {}})
    assert schema("product").is_valid(product)
    assert not schema("product").is_valid({**product, "identity": {}})
    assert not schema("manifest").is_valid(product)
