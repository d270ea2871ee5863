"""Error messages about invalid manifests."""

import traceback
from pathlib import Path

import pytest

from engine.domain.errors import ConfigError
from tests.config.manifest_files import load, manifest, problems, refused

PROMOTION = "artifacts.promotion"


def environment(extra: str) -> str:
    return manifest(promotion=f"environments: [{{name: prod, {extra}}}]")


@pytest.mark.requirement("FR-009")
def test_misspelled_key_is_refused_with_its_path_and_a_suggestion(
    tmp_path: Path,
) -> None:
    text = manifest(
        promotion="""
        environments:
          - {name: dev}
          - {name: staging}
          - {name: prod, authorization: {seperation_of_duties: true}}
        """
    )

    error = refused(tmp_path, text)

    assert str(error) == (
        f"{tmp_path}/manifest.yaml:10: artifacts.promotion.environments[2].authorization."
        "seperation_of_duties: unknown; did you mean separation_of_duties?"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            manifest(rest="identity: {group: {}}"),
            "identity.group: unknown; did you mean groups?",
        ),
        (
            manifest(rest="slack: {comands: {}}"),
            "slack.comands: unknown; did you mean commands?",
        ),
        (manifest(rest="web: {baseurl: x}"), "web.baseurl: unknown; did you mean base_url?"),
        (
            manifest(rest="state: {zzz: x}"),
            "state.zzz: unknown; known: dir, url, listen_url, schema",
        ),
        (
            environment("gates: {test: true}"),
            f"{PROMOTION}.environments[0].gates.test: unknown; did you mean tests?",
        ),
        (
            environment("gates: {tests: {command: a, timeout: 30}}"),
            f"{PROMOTION}.environments[0].gates.tests.timeout: unknown; did you mean "
            "timeout_seconds?",
        ),
        (
            manifest(promotion="audit_backend: oci"),
            f"{PROMOTION}.audit_backend: unknown; did you mean audit: {{backend: oci}}?",
        ),
        (
            manifest(promotion="audit_backend: my-secret"),
            f"{PROMOTION}.audit_backend: unknown; did you mean audit: {{backend: …}}?",
        ),
        (
            manifest(promotion="gate_commands: {tests: {command: a, ignore_unfixed: true}}"),
            f"{PROMOTION}.gate_commands.tests.ignore_unfixed: unknown; it belongs in "
            f"{PROMOTION}.gate_commands.security_scan",
        ),
        (
            environment("separation_of_duties: true"),
            f"{PROMOTION}.environments[0].separation_of_duties: unknown; it belongs in "
            f"{PROMOTION}.environments.authorization",
        ),
    ],
)
def test_unknown_keys_are_refused_in_every_section(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, text) == [said]


def test_all_problems_are_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = manifest(
        registry="{uri: oci://h.example, auth: {type: token, token: t}}",
        promotion="""
        environments:
          - {name: Prod, gates: {tests: true}}
        default_timeout: 5
        """,
        rest="identity: {trust_os_user: true}",
    )

    error = refused(tmp_path, text)

    head, *listed = str(error).splitlines()
    file = f"{tmp_path}/manifest.yaml"
    assert head == f"{file}: 6 problems"
    assert listed == [
        f"  {file}:5: artifacts.registry.uri: has no repository: write oci://host/repository",
        f"  {file}:5: artifacts.registry.auth.token: must not be in the file: write ${{NAME}} for "
        "an environment variable",
        f"  {file}:8: artifacts.promotion.environments[0].name: must be lower case letters, digits "
        "and inner hyphens, like prod or pre-prod",
        f"  {file}:8: artifacts.promotion.environments[0].gates.tests: is on but has no command: "
        "give it one, here or in artifacts.promotion.gate_commands.tests",
        f"  {file}:9: artifacts.promotion.default_timeout: must be at least 30",
        f"  {file}:10: identity.trust_os_user: is for the embedded registry (oci-layout:) only: "
        "anyone can choose their user name",
    ]
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Manifest\nartifacts: {registry: {uri: oci-layout:r}}", "apiVersion: is missing"),
        (
            "apiVersion: floe.dev/v2\nkind: Manifest\nartifacts: {registry: {uri: oci-layout:r}}",
            "apiVersion: must be 'floe.dev/v1'",
        ),
        (
            "apiVersion: floe.dev/v1\nkind: Pod\nartifacts: {registry: {uri: oci-layout:r}}",
            "kind: must be 'Manifest'",
        ),
        ("apiVersion: floe.dev/v1\nkind: Manifest", "artifacts: is missing"),
        ("apiVersion: floe.dev/v1\nkind: Manifest\nartifacts: {}", "artifacts.registry: is missi"),
    ],
)
def test_file_without_api_version_is_refused_with_the_expected_one(
    tmp_path: Path, text: str, said: str
) -> None:
    (found,) = problems(tmp_path, text)

    assert found.startswith(said)


@pytest.mark.requirement("FR-010")
@pytest.mark.parametrize("value", ["false", "'no'", "", "{command: x}"])
def test_policy_compliance_cannot_be_switched_off(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, environment(f"gates: {{policy_compliance: {value}}}"))

    assert found == (
        f"{PROMOTION}.environments[0].gates.policy_compliance: cannot be switched off: it always "
        "runs; leave it out or write true"
    )


@pytest.mark.requirement("FR-012")
def test_a_gate_that_is_on_by_default_needs_a_command_too(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, manifest(promotion="gates: {cost_analysis: true}"))

    assert found.startswith(f"{PROMOTION}.gates.cost_analysis: is on but has no command")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("'pytest \"x'", "cannot be split into arguments: no closing quotation"),
        ("''", "is empty: name a program"),
        ("[]", "is empty: name a program"),
        ("[a, 3]", "must be a command, or the list of its arguments (each of them text)"),
        ("{a: b}", "must be a command, or the list of its arguments (each of them text)"),
        ('["a\\0"]', "contains a NUL character, which is not allowed in arguments"),
    ],
)
def test_a_command_is_an_argument_list(tmp_path: Path, command: str, said: str) -> None:
    (found,) = problems(tmp_path, environment(f"gates: {{tests: {{command: {command}}}}}"))

    assert found == f"{PROMOTION}.environments[0].gates.tests.command: {said}"


@pytest.mark.requirement("NFR-001")
@pytest.mark.requirement("NFR-002")
@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("29", "must be at least 30"),
        ("3601", "must be at most 3600"),
        ("'60'", "must be a whole number"),
        ("true", "must be a whole number"),
        ("60.5", "must be a whole number"),
        ("", "has no value: give it one, or leave the key out"),
    ],
)
def test_gate_timeouts_are_whole_seconds_from_30_to_3600(
    tmp_path: Path, seconds: str, said: str
) -> None:
    (found,) = problems(tmp_path, environment(f"gate_timeout_seconds: {seconds}"))

    assert found == f"{PROMOTION}.environments[0].gate_timeout_seconds: {said}"


def test_gate_cannot_get_secrets_of_floe(tmp_path: Path) -> None:
    text = environment("gates: {tests: {command: t, env: [CI, FLOE_ID_TOKEN]}}")

    (found,) = problems(tmp_path, text)

    assert found == (
        f"{PROMOTION}.environments[0].gates.tests.env[1]: is one of floe's own secrets, which "
        "are never passed to gates"
    )


@pytest.mark.parametrize(
    "section", ["authorization", "lock", "gates", "approvals", "gate_timeout_seconds"]
)
def test_key_without_a_value_is_refused(tmp_path: Path, section: str) -> None:
    (found,) = problems(tmp_path, environment(f"{section}: "))

    assert found.startswith(f"{PROMOTION}.environments[0].{section}: has no value")


@pytest.mark.parametrize(
    "section", ["verification", "auth", "tls"], ids=lambda section: f"registry.{section}"
)
def test_registry_section_without_a_value_is_refused(tmp_path: Path, section: str) -> None:
    (found,) = problems(tmp_path, manifest(registry=f"{{uri: oci-layout:r, {section}: }}"))

    assert found.startswith(f"artifacts.registry.{section}: has no value")


def test_errors_and_tracebacks_contain_no_secret(tmp_path: Path) -> None:
    promotion = """
    webhooks:
      - {url: "ftp://${SECRET}", headers: {"bad name": "${SECRET}"}, retry_count: hunter2}
    """

    error = refused(tmp_path, manifest(promotion=promotion), SECRET="hunter2")

    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert len(error.details["problems"]) == 3  # type: ignore[arg-type]  # a list of problems


def test_names_in_errors_are_escaped_to_one_line(tmp_path: Path) -> None:
    error = refused(tmp_path, manifest(rest='slack: {"a\\nb": 1}'))

    assert "slack.a\\nb: unknown" in str(error)


def test_a_missing_webhook_variable_is_named(tmp_path: Path) -> None:
    promotion = "webhooks: [{url: 'https://h.example', headers: {A: '${ONE} ${TWO}'}}]"

    (found,) = problems(tmp_path, manifest(promotion=promotion), ONE="1")

    assert found == f"{PROMOTION}.webhooks[0].headers.A: the environment variable TWO is not set"


def test_a_variable_is_missing_only_in_the_sections_that_name_it(tmp_path: Path) -> None:
    promotion = "webhooks: [{url: 'https://h.example', secret: '${HOOK}'}]"
    config = load(tmp_path, manifest(promotion=promotion))

    config.require("artifacts.registry", "artifacts.promotion.web", "web")

    with pytest.raises(ConfigError, match=r"webhooks\[0\]\.secret: .* HOOK is not set"):
        config.require("artifacts.promotion.webhooks")
    assert config.webhooks[0].secret
    with pytest.raises(ConfigError, match="HOOK is not set"):
        config.webhooks[0].secret.get_secret_value()
