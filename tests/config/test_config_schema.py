"""The JSON Schema that editors use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from engine.config import config_schema
from tests.config.manifest_files import load, manifest

SPECIFIED = """
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: acme-platform, owner: platform@acme.com}
artifacts:
  registry:
    uri: oci://harbor.example.com/acme/platform
    auth: {type: docker}
    tls: {ca_file: null, verify: true}
    timeout_seconds: 30
    verification:
      enforcement: enforce
      public_keys: [keys/release.pub]
      trusted_issuers:
        - issuer: https://token.actions.githubusercontent.com
          subject_regex: "^https://github.com/acme/.*$"
      trusted_root: null
      environments: {dev: {enforcement: warn}}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: true}
      - name: prod
        gates:
          tests: true
          security_scan:
            command: "trivy image ${ARTIFACT_REF} --format json"
            block_on_severity: [CRITICAL, HIGH]
            ignore_unfixed: true
            scanner_format: trivy
            timeout_seconds: 600
        gate_timeout_seconds: 600
        authorization:
          allowed_groups: [platform-admins]
          allowed_operators: []
          separation_of_duties: true
        approvals: {required: 1, groups: [release-managers], expires_after: 4h}
    gate_commands: {tests: "pytest -q", cost_analysis: {command: "...", timeout_seconds: 60}}
    policies:
      - name: has-source
        rule: "'org.opencontainers.image.source' in artifact.annotations"
        message: "…"
        severity: error
    secondary_registries: []
    gates: {}
    default_timeout: 300
    audit: {backend: oci}
    webhooks: []
identity:
  groups: {platform-admins: [alice@acme.com]}
  aliases: {alice@acme.com: [U01ALICE, alice]}
  oidc:
    - issuer: https://token.actions.githubusercontent.com
      audience: floe
      operator_claim: sub
      groups_claim: groups
      groups_separator: ","
      subjects: ["repo:acme/platform:**"]
      claims: {repository_owner: acme, ref_protected: [true, "true"], repository_id: 7}
      allowed_domains: [acme.com]
slack:
  channel: C01DEPLOY
  commands:
    promote: /promote
    rollback: /rollback
    lock: /lock
    unlock: /unlock
    promotions: /promotions
web: {base_url: https://floe.acme.com, auth: {mode: none}}
"""


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    Draft202012Validator.check_schema(config_schema())
    return Draft202012Validator(config_schema())


@pytest.mark.requirement("FR-009a")
def test_the_example_manifest_is_valid(schema: Draft202012Validator) -> None:
    text = (Path(__file__).parents[2] / "manifest.yaml").read_text()

    schema.validate(yaml.safe_load(text))


@pytest.mark.requirement("FR-009a")
def test_manifest_with_every_key_is_valid(schema: Draft202012Validator, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "release.pub").write_text("key")

    config = load(tmp_path, SPECIFIED)

    schema.validate(yaml.safe_load(SPECIFIED))
    assert config.path.environment("prod").gates[1].timeout_seconds == 600
    assert config.warnings == ()


@pytest.mark.requirement("FR-009a")
@pytest.mark.parametrize(
    "text",
    [
        SPECIFIED.replace("separation_of_duties", "seperation_of_duties"),
        SPECIFIED.replace("ignore_unfixed", "ignore_unfix"),
        SPECIFIED.replace("  audit:", "  audits:"),
        SPECIFIED.replace("aliases:", "alias:"),
        SPECIFIED.replace("floe.dev/v1", "floe.dev/v2"),
        SPECIFIED.replace("tests: true}", "policy_compliance: false}"),
        SPECIFIED.replace("gate_timeout_seconds: 600", "gate_timeout_seconds: 10"),
        SPECIFIED.replace("expires_after: 4h", "expires_after: 4"),
        SPECIFIED.replace("trusted_root: null", "public_key: null"),
        manifest(promotion="environments: []"),
        "apiVersion: floe.dev/v1\nkind: Manifest\n",
    ],
)
def test_invalid_manifest_fails_the_schema(schema: Draft202012Validator, text: str) -> None:
    assert not schema.is_valid(yaml.safe_load(text))


@pytest.mark.requirement("FR-009a")
def test_defaults_in_the_schema_are_valid() -> None:
    schema = config_schema()

    found = list(_described(schema))

    assert {"default": "24h", "type": "string"}.items() <= _named(found, "expires_after").items()
    for _, described in found:
        if "default" in described:
            whole = {**described, "$defs": schema["$defs"]}
            Draft202012Validator(whole).validate(described["default"])


def _described(node: object) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield all keys of the file with their schema."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, dict):
            yield key, value
            yield from _described(value)


def _named(found: list[tuple[str, dict[str, JsonValue]]], key: str) -> dict[str, JsonValue]:
    return next(described for name, described in found if name == key)


@pytest.mark.parametrize("commands", ["pytest", "[pytest, -q]", "{command: pytest}"])
@pytest.mark.parametrize("gate", ["true", "false", "{}", "{command: [a]}"])
def test_the_short_and_the_long_spellings_are_valid(
    schema: Draft202012Validator, gate: str, commands: str
) -> None:
    text = manifest(
        promotion=f"""
        environments: [{{name: dev, gates: {{tests: {gate}}}}}]
        gate_commands: {{tests: {commands}}}
        """
    )

    schema.validate(yaml.safe_load(text))


def test_keys_have_descriptions_and_examples(schema: Draft202012Validator) -> None:
    uri = schema.schema["$defs"]["PrimaryRegistry"]["properties"]["uri"]
    assert "oci://host" in uri["description"]
    assert "oci-layout:./registry" in uri["examples"]
