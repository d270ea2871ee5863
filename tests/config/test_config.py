"""The configuration from a valid manifest.yaml."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.config import load_config
from engine.domain.environment import Approvals, Authorization, Enforcement, FixedLock
from engine.domain.gate import Gate, GateKind, ScannerFormat, SecurityRules, Severity
from tests.config.manifest_files import load, manifest

THREE = """
environments:
  - {name: dev}
  - {name: staging, gates: {tests: true}}
  - {name: prod, gates: {tests: true}}
gate_commands: {tests: "pytest -q"}
"""


@pytest.mark.requirement("FR-001b")
def test_default_path_is_dev_staging_prod_without_command_gates(
    tmp_path: Path,
) -> None:
    config = load(tmp_path, manifest())

    assert str(config.path) == "dev -> staging -> prod"
    assert [environment.gates for environment in config.path.environments] == [(), (), ()]
    assert all(environment.authorization is None for environment in config.path.environments)


@pytest.mark.requirement("FR-001a")
def test_the_order_of_the_list_is_the_promotion_path(tmp_path: Path) -> None:
    config = load(
        tmp_path, manifest(promotion="environments: [{name: qa}, {name: pre-prod}, {name: prod}]")
    )

    assert str(config.path) == "qa -> pre-prod -> prod"


@pytest.mark.requirement("FR-012")
def test_a_gate_takes_the_shared_command_split_without_a_shell(tmp_path: Path) -> None:
    config = load(tmp_path, manifest(promotion=THREE))

    assert config.path.environment("dev").gates == ()
    assert config.path.environment("prod").gates == (Gate(GateKind.TESTS, ("pytest", "-q")),)


@pytest.mark.requirement("FR-009")
def test_gate_entries_of_an_environment_override_the_defaults_per_key(
    tmp_path: Path,
) -> None:
    config = load(
        tmp_path,
        manifest(
            promotion="""
            gates:
              tests: {command: [make, test], env: [CI]}
              cost_analysis: {command: cost}
            environments:
              - {name: dev, gates: {cost_analysis: false}}
              - {name: prod, gates: {tests: {command: "make 'prod tests'"}}}
            """
        ),
    )

    dev, prod = config.path.environments
    assert dev.gates == (Gate(GateKind.TESTS, ("make", "test"), env=("CI",)),)
    assert prod.gates == (
        Gate(GateKind.TESTS, ("make", "prod tests"), env=("CI",)),
        Gate(GateKind.COST_ANALYSIS, ("cost",)),
    )


@pytest.mark.requirement("FR-012a")
@pytest.mark.requirement("FR-012d")
@pytest.mark.requirement("NFR-001")
@pytest.mark.requirement("NFR-002")
@pytest.mark.parametrize(
    ("seconds", "own", "environment", "default", "shared", "promotion"),
    [
        (31, "timeout_seconds: 31", "32", "timeout_seconds: 33", "timeout_seconds: 34", "35"),
        (32, "", "32", "timeout_seconds: 33", "timeout_seconds: 34", "35"),
        (33, "", "", "timeout_seconds: 33", "timeout_seconds: 34", "35"),
        (34, "", "", "", "timeout_seconds: 34", "35"),
        (35, "", "", "", "", "35"),
        (300, "", "", "", "", ""),
    ],
)
def test_nearest_timeout_of_a_gate_wins(
    tmp_path: Path,
    seconds: int,
    own: str,
    environment: str,
    default: str,
    shared: str,
    promotion: str,
) -> None:
    entry = f"{{name: dev, gates: {{tests: {{{own}}}}}"
    entry += f", gate_timeout_seconds: {environment}}}" if environment else "}"
    text = f"environments: [{entry}]\ngates: {{tests: {{{default}}}}}\n"
    text += f"gate_commands: {{tests: {{command: t{',' if shared else ''} {shared}}}}}\n"
    text += f"default_timeout: {promotion}\n" if promotion else ""

    (gate,) = load(tmp_path, manifest(promotion=text)).path.entry.gates

    assert gate.timeout_seconds == seconds


@pytest.mark.requirement("FR-054")
def test_scan_rules_of_a_shared_command_apply_unless_overridden(
    tmp_path: Path,
) -> None:
    config = load(
        tmp_path,
        manifest(
            promotion="""
            environments:
              - {name: dev, gates: {security_scan: true}}
              - {name: prod, gates: {security_scan: {block_on_severity: [LOW]}}}
            gate_commands:
              security_scan: {command: "grype registry:${ARTIFACT_REF} -o json",
                              scanner_format: grype, block_on_severity: [CRITICAL],
                              block_on_eol: true}
            """
        ),
    )

    dev, prod = (environment.gates[0].security for environment in config.path.environments)
    assert dev == SecurityRules(
        ScannerFormat.GRYPE, frozenset({Severity.CRITICAL}), block_on_eol=True
    )
    assert prod == SecurityRules(ScannerFormat.GRYPE, frozenset({Severity.LOW}), block_on_eol=True)


@pytest.mark.requirement("FR-054")
@pytest.mark.requirement("FR-055")
def test_scan_rules_of_an_entry_apply_and_default_to_critical_and_high(
    tmp_path: Path,
) -> None:
    config = load(
        tmp_path,
        manifest(
            promotion="""
            environments:
              - name: dev
                gates:
                  security_scan: {block_on_severity: [LOW], ignore_unfixed: true,
                                  scanner_format: grype, block_on_secrets: true}
              - {name: prod, gates: {security_scan: true}}
            gate_commands: {security_scan: "trivy image ${ARTIFACT_REF} --format json"}
            """
        ),
    )

    dev, prod = (environment.gates[0] for environment in config.path.environments)
    assert dev.security == SecurityRules(
        ScannerFormat.GRYPE, frozenset({Severity.LOW}), ignore_unfixed=True, block_on_secrets=True
    )
    assert prod.security == SecurityRules()
    assert prod.argv == ("trivy", "image", "${ARTIFACT_REF}", "--format", "json")


@pytest.mark.requirement("FR-046")
@pytest.mark.requirement("FR-047")
@pytest.mark.requirement("FR-053")
def test_absent_authorization_list_differs_from_an_empty_one(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        manifest(
            promotion="""
            environments:
              - {name: dev, authorization: {}}
              - name: prod
                authorization: {allowed_groups: [], allowed_operators: [a@acme.com],
                                separation_of_duties: true}
                approvals: {required: 2, groups: [managers], expires_after: 4h, rollback: true}
            """
        ),
    )

    dev, prod = config.path.environments
    assert dev.authorization == Authorization(None, None, False)
    assert dev.approvals == Approvals(0, None, 24 * 3600, False)
    assert prod.authorization == Authorization(frozenset(), frozenset({"a@acme.com"}), True)
    assert prod.approvals == Approvals(2, frozenset({"managers"}), 4 * 3600, True)


@pytest.mark.requirement("FR-021")
def test_enforcement_defaults_to_enforce_and_can_be_set_per_target(
    tmp_path: Path,
) -> None:
    (tmp_path / "release.pub").write_text("-----BEGIN PUBLIC KEY-----")
    config = load(
        tmp_path,
        manifest(
            registry="""
            uri: oci-layout:./registry
            verification:
              public_keys: [release.pub]
              environments: {dev: {enforcement: off}, staging: {enforcement: warn}}
            """
        ),
    )

    assert [environment.signature for environment in config.path.environments] == [
        Enforcement.OFF,
        Enforcement.WARN,
        Enforcement.ENFORCE,
    ]
    assert config.verification is not None
    assert config.verification.public_keys[0].path == tmp_path / "release.pub"
    assert config.verification.public_keys[0].content == b"-----BEGIN PUBLIC KEY-----"
    assert config.warnings == ("signatures are not verified for: dev",)


def test_without_verification_signatures_are_off_with_a_warning(tmp_path: Path) -> None:
    config = load(tmp_path, manifest())

    assert {environment.signature for environment in config.path.environments} == {Enforcement.OFF}
    assert config.warnings == (
        "signatures are not verified: artifacts.registry.verification is not configured",
    )


def test_lock_in_the_file_has_person_time_and_reason(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        manifest(
            promotion="""
            environments:
              - {name: dev, lock: {locked: false}}
              - name: prod
                lock: {locked: true, reason: audit, locked_by: sre@acme.com,
                       locked_at: 2026-01-31T10:00:00+01:00}
            """
        ),
    )

    dev, prod = config.path.environments
    assert dev.fixed_lock is None
    assert prod.fixed_lock == FixedLock(
        "audit", "sre@acme.com", datetime(2026, 1, 31, 9, tzinfo=UTC)
    )


def test_state_directory_defaults_to_the_directory_of_the_manifest(
    tmp_path: Path,
) -> None:
    assert load(tmp_path, manifest()).state_dir == tmp_path / ".floe"
    named = load(tmp_path, manifest(rest="state: {dir: /var/lib/floe}"))
    assert named.state_dir == Path("/var/lib/floe")


def test_top_level_keys_of_other_tools_are_ignored(tmp_path: Path) -> None:
    config = load(tmp_path, manifest(rest="metadata:\nplatform: {anything: [1, {deep: true}]}\n"))

    assert str(config.path) == "dev -> staging -> prod"


def test_identity_slack_and_web_have_defaults(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        manifest(
            rest="""
            slack: {channel: C01DEPLOY, commands: {promote: /floe-promote}}
            web: {base_url: "https://floe.acme.com/", auth: {mode: proxy}}
            identity:
              groups: {admins: [alice@acme.com]}
              aliases: {alice@acme.com: [U01ALICE, alice]}
              oidc: [{issuer: "https://issuer.example.com/"}]
            """
        ),
    )

    assert config.slack.commands.promote == "/floe-promote"
    assert config.slack.commands.promotions == "/promotions"
    assert config.web.base_url == "https://floe.acme.com"
    assert config.web.auth.mode == "proxy"
    assert config.identity.oidc[0].issuer == "https://issuer.example.com/"
    assert config.identity.oidc[0].audience == "floe"
    assert config.identity.trust_os_user is False


def test_example_manifest_loads_unchanged() -> None:
    config = load_config(Path(__file__).parents[2] / "manifest.yaml", {})

    assert str(config.path) == "dev -> staging -> prod"
    assert config.registry.kind == "layout"
    assert config.identity.trust_os_user is True
    assert config.path.environment("staging").gates[0].argv[0] == "python3"
