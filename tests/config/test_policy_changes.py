"""Each rule of a manifest that changes is called looser, stricter or other, in words."""

from pathlib import Path

import pytest

from engine.domain.policy_changes import compare_policies
from tests.config.manifest_files import load

MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: oci-layout:./registry
    verification:
      enforcement: warn
      public_keys: [release.pub, second.pub]
      trusted_issuers: [{issuer: "https://ci.example", subject_regex: "^acme/.*$"}]
  promotion:
    environments:
      - {name: dev}
      - {name: staging}
      - name: prod
        gates:
          tests: {command: pytest}
          security_scan: {command: trivy, block_on_severity: [CRITICAL, HIGH]}
        authorization:
          allowed_groups: [admins, sre]
          separation_of_duties: true
        approvals: {required: 2, groups: [managers], expires_after: 4h, rollback: true}
        lock: {locked: true, reason: freeze, locked_by: alice}
    policies:
      - {name: has-source, rule: "'source' in artifact.annotations"}
      - {name: has-layers, rule: size(artifact.layers) > 0, severity: warning}
identity:
  groups: {admins: [alice@acme.com, bob@acme.com], sre: [], managers: [carol@acme.com]}
  aliases: {alice@acme.com: [U01ALICE]}
  lockers: [on-call]
  registry_users: {verified: false}
  trust_os_user: false
  oidc:
    - issuer: https://tokens.example
      subjects: ["repo:acme/platform:*"]
      claims: {owner: [acme, acme-labs]}
"""

# The line of the manifest, its replacement, and the change: the way back is the opposite.
CHANGES = [
    ("required: 2", "required: 1", "looser prod approvals.required goes from 2 to 1"),
    (
        "groups: [managers]",
        "groups: [managers, sre]",
        "looser prod approvals.groups goes from [managers] to [managers, sre] (adds sre)",
    ),
    ("groups: [managers], ", "", "other prod approvals.groups goes from [managers] to not set"),
    (
        "groups: [managers]",
        "groups: [sre]",
        "looser prod approvals.groups goes from [managers] to [sre] (adds sre)",
        "stricter prod approvals.groups goes from [managers] to [sre] (removes managers)",
    ),
    (
        "expires_after: 4h",
        "expires_after: 5h",
        "looser prod approvals.expires_after goes from 14400 to 18000 (in seconds)",
    ),
    ("rollback: true", "rollback: false", "looser prod approvals.rollback goes from true to false"),
    (
        "[admins, sre]\n          separation_of_duties: true",
        "[admins, sre]",
        "looser prod authorization.separation_of_duties goes from true to false",
    ),
    (
        "allowed_groups: [admins, sre]",
        "allowed_groups: [admins]",
        "stricter prod authorization.allowed_groups goes from [admins, sre] to [admins] "
        "(removes sre)",
    ),
    (
        "allowed_groups: [admins, sre]",
        "allowed_groups: [admins, sre]\n          allowed_operators: [dave@acme.com]",
        "looser prod authorization.allowed_operators goes from not set to [dave@acme.com] "
        "(adds dave@acme.com)",
    ),
    (
        "allowed_groups: [admins, sre]\n",
        "\n",
        "looser prod authorization goes from [group admins, group sre] to every verified operator",
    ),
    (
        "{name: staging}",
        "{name: staging, authorization: {allowed_operators: []}}",
        "stricter staging authorization goes from not set to []",
    ),
    (
        "{name: staging}",
        "{name: staging, authorization: {separation_of_duties: true}}",
        "other staging authorization goes from not set to every verified operator",
        "stricter staging authorization.separation_of_duties goes from false to true",
    ),
    ("reason: freeze", "reason: party", "other prod lock.reason goes from freeze to party"),
    ("tests: {command: pytest}", "tests: false", "looser prod gates.tests is removed"),
    (
        "command: pytest",
        "command: 'true'",
        "other prod gates.tests.command goes from [pytest] to [true]",
    ),
    (
        "{command: pytest}",
        "{command: pytest, timeout_seconds: 60, env: [CI]}",
        "other prod gates.tests.env goes from [] to [CI]",
        "other prod gates.tests.timeout_seconds goes from 300 to 60",
    ),
    (
        "[CRITICAL, HIGH]",
        "[CRITICAL]",
        "looser prod gates.security_scan.block_on_severity goes from [CRITICAL, HIGH] to "
        "[CRITICAL] (removes HIGH)",
    ),
    (
        "[CRITICAL, HIGH]",
        "[CRITICAL, HIGH], ignore_unfixed: true, block_on_secrets: true, block_on_eol: true, "
        "scanner_format: grype",
        "looser prod gates.security_scan.ignore_unfixed goes from false to true",
        "stricter prod gates.security_scan.block_on_secrets goes from false to true",
        "stricter prod gates.security_scan.block_on_eol goes from false to true",
        "other prod gates.security_scan.scanner_format goes from trivy to grype",
    ),
    (
        "enforcement: warn",
        "enforcement: warn\n      environments: {prod: {enforcement: enforce}}",
        "stricter prod artifacts.registry.verification.enforcement goes from warn to enforce",
    ),
    (
        "{name: staging}",
        "{name: staging}\n      - {name: qa}",
        "stricter - artifacts.promotion.environments goes from [dev, staging, prod] to "
        "[dev, staging, qa, prod] (adds qa before prod)",
    ),
    (
        "    policies:",
        "      - {name: canary}\n    policies:",
        "other - artifacts.promotion.environments goes from [dev, staging, prod] to "
        "[dev, staging, prod, canary] (adds canary)",
    ),
    (
        "- {name: dev}\n      - {name: staging}",
        "- {name: staging}\n      - {name: dev}",
        "other - artifacts.promotion.environments goes from [dev, staging, prod] to "
        "[staging, dev, prod] (another order)",
    ),
    (
        '"^acme/.*$"}',
        '"^.*$"}',
        "other - artifacts.registry.verification.trusted_issuers.https://ci.example goes from "
        "^acme/.*$ to ^.*$",
    ),
    (
        "trusted_issuers: [",
        'trusted_issuers: [{issuer: "https://b.example", subject_regex: x}, ',
        "looser - artifacts.registry.verification.trusted_issuers.https://b.example goes from "
        "not set to x",
    ),
    (
        "public_keys: [release.pub, second.pub]",
        "public_keys: [release.pub, second.pub]\n      trusted_root: release.pub",
        "other - artifacts.registry.verification.trusted_root goes from not set to "
        "sha256:dd38fe87fa52…",
    ),
    (
        "      - {name: has-layers, rule: size(artifact.layers) > 0, severity: warning}\n",
        "",
        "looser - artifacts.promotion.policies.has-layers is removed",
    ),
    (
        'annotations"}',
        'annotations", severity: warning}',
        "looser - artifacts.promotion.policies.has-source.severity goes from error to warning",
    ),
    (
        "size(artifact.layers) > 0",
        "size(artifact.layers) > 1",
        "other - artifacts.promotion.policies.has-layers.rule goes from "
        "size(artifact.layers) > 0 to size(artifact.layers) > 1",
    ),
    (
        "carol@acme.com",
        "carol@acme.com, dave@acme.com",
        "looser - identity.groups.managers goes from [carol@acme.com] to "
        "[carol@acme.com, dave@acme.com] (adds dave@acme.com)",
    ),
    ("sre: [], ", "", "other - identity.groups.sre goes from [] to not set"),
    (
        "[U01ALICE]",
        "[U01ALICE, alice]",
        "other - identity.aliases.alice@acme.com goes from [u01alice] to [alice, u01alice]",
    ),
    (
        "lockers: [on-call]",
        "lockers: [on-call, sre]",
        "looser - identity.lockers goes from [on-call] to [on-call, sre] (adds sre)",
    ),
    (
        'subjects: ["repo:acme/platform:*"]',
        'subjects: ["repo:acme/platform:main", "repo:acme/platform:*"]',
        "looser - identity.oidc.https://tokens.example.subjects goes from [repo:acme/platform:*] "
        "to [repo:acme/platform:main, repo:acme/platform:*] (adds repo:acme/platform:main)",
    ),
    (
        'subjects: ["repo:acme/platform:*"]\n',
        "\n",
        "looser - identity.oidc.https://tokens.example.subjects goes from [repo:acme/platform:*] "
        "to not set",
    ),
    (
        "[acme, acme-labs]",
        "[acme], team: [core]",
        "stricter - identity.oidc.https://tokens.example.claims.owner goes from [acme, acme-labs] "
        "to [acme] (removes acme-labs)",
        "stricter - identity.oidc.https://tokens.example.claims.team goes from not set to [core]",
    ),
    (
        "      claims: {owner: [acme, acme-labs]}",
        "      claims: {owner: [acme, acme-labs]}\n      audience: other",
        "other - identity.oidc.https://tokens.example.audience goes from floe to other",
    ),
    (
        "oidc:\n",
        "oidc:\n    - {issuer: 'https://b.example', claims: {a: b}}\n",
        "looser - identity.oidc.https://b.example is added",
    ),
    (
        "trust_os_user: false",
        "trust_os_user: true",
        "looser - identity.trust_os_user goes from false to true",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "release.pub").write_text("first key")
    (tmp_path / "second.pub").write_text("second key")
    return tmp_path


def changes(folder: Path, before: str, after: str) -> list[str]:
    """Write every change as `kind environment text`."""
    policies = [load(folder, text).policy for text in (before, after)]
    return [
        f"{each.kind} {each.environment or '-'} "
        + each.text.removeprefix(f"{each.environment}: " if each.environment else "")
        for each in compare_policies(*policies)
    ]


@pytest.mark.parametrize("case", CHANGES, ids=[case[2][:60] for case in CHANGES])
def test_changed_rule_is_described_with_both_values(folder: Path, case: tuple[str, ...]) -> None:
    line, replacement, *expected = case
    assert line in MANIFEST

    assert changes(folder, MANIFEST, MANIFEST.replace(line, replacement, 1)) == expected


def test_rules_of_two_environments_come_in_the_order_of_the_path(folder: Path) -> None:
    stricter = MANIFEST.replace("{name: staging}", "{name: staging, approvals: {required: 1}}")

    found = changes(folder, MANIFEST, stricter.replace("required: 2", "required: 1"))

    assert found == [
        "stricter staging approvals.required goes from 0 to 1",
        "looser prod approvals.required goes from 2 to 1",
    ]


def test_environment_that_is_no_longer_passed_is_looser(folder: Path) -> None:
    found = changes(folder, MANIFEST, MANIFEST.replace("      - {name: staging}\n", ""))

    assert found == [
        "looser - artifacts.promotion.environments goes from [dev, staging, prod] to [dev, prod] "
        "(removes staging before prod)"
    ]


def test_keys_are_named_by_short_digests(folder: Path) -> None:
    found = changes(folder, MANIFEST, MANIFEST.replace("release.pub, second.pub", "release.pub"))

    second, first = "sha256:2f2d68ba5b8b…", "sha256:dd38fe87fa52…"
    assert found == [
        "stricter - artifacts.registry.verification.public_keys goes from "
        f"[{second}, {first}] to [{first}] (removes {second})"
    ]


def test_addresses_are_not_rules(folder: Path) -> None:
    elsewhere = MANIFEST.replace("oci-layout:./registry", "oci-layout:./elsewhere")

    assert changes(folder, MANIFEST, elsewhere) == []
