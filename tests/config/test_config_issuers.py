"""Issuers of many organizations need rules that exclude strangers."""

from pathlib import Path

import pytest

from tests.config.manifest_files import load, manifest, problems

GITHUB = "https://token.actions.githubusercontent.com"
GOOGLE = "https://accounts.google.com"


def identity(issuer: str, rules: str) -> str:
    return manifest(rest=f"identity: {{oidc: [{{issuer: '{issuer}', {rules}}}]}}")


def sign_in(issuer: str, rules: str) -> str:
    return manifest(
        rest=f"web: {{base_url: 'https://f.example', auth: {{mode: oidc, issuer: '{issuer}', "
        f"client_id: f, client_secret_env: S, {rules}}}}}"
    )


@pytest.mark.parametrize(
    ("issuer", "line"),
    [
        (GITHUB, "claims: {repository_owner: acme}"),
        (f"{GITHUB}/", "claims: {repository_owner: acme}"),
        ("https://Token.Actions.GitHubUserContent.com:443", "claims: {repository_owner: acme}"),
        ("https://gitlab.com", "claims: {namespace_path: acme}"),
        ("https://agent.buildkite.com", "claims: {organization_slug: acme}"),
        ("https://app.terraform.io", "claims: {terraform_organization_name: acme}"),
        ("https://oidc.codefresh.io", "claims: {account_id: YOUR_ACCOUNT_ID}"),
        ("https://oidc.vercel.com", "claims: {owner: acme}"),
        (GOOGLE, "claims: {hd: acme.com}"),
        ("https://slack.com", 'claims: {"https://slack.com/team_id": T01ACME}'),
        ("https://login.microsoftonline.com/common/v2.0", "claims: {tid: YOUR_TENANT_ID}"),
        ("https://login.microsoftonline.com/organizations/v2.0", "claims: {tid: YOUR_TENANT_ID}"),
        (
            "https://login.microsoftonline.com/9188040d-6c67-4ebb-b43a-a4ba3c7fdcbb/v2.0",
            "claims: {tid: YOUR_TENANT_ID}",
        ),
        ("https://appleid.apple.com", "claims: {email: [alice@acme.com]}"),
    ],
)
def test_an_issuer_of_many_organizations_needs_a_rule(
    tmp_path: Path, issuer: str, line: str
) -> None:
    (job,) = problems(tmp_path, identity(issuer, "audience: floe"))
    (person,) = problems(tmp_path, sign_in(issuer, "groups_claim: groups"), S="secret")

    assert job.startswith(f"identity.oidc[0]: {issuer} signs tokens for ")
    assert person.startswith(f"web.auth: {issuer} signs tokens for ")
    assert line in job
    assert line in person
    admitted = load(tmp_path, identity(issuer, line))
    assert admitted.identity.oidc[0].claims


@pytest.mark.parametrize(
    ("issuer", "rules"),
    [
        (GITHUB, "claims: {ref: refs/heads/main}"),
        (GITHUB, "claims: {job_workflow_ref: acme/ci/.github/workflows/x.yml@refs/heads/main}"),
        (GITHUB, "allowed_domains: [acme.com]"),
        (GITHUB, "subjects: ['**']"),
        (GITHUB, "subjects: ['*']"),
        (GITHUB, "subjects: ['repo:**']"),
        (GITHUB, "subjects: ['repo:*/platform:ref:refs/heads/main']"),
        (GITHUB, "subjects: ['repo:acme*/platform:ref:refs/heads/main']"),
        (GITHUB, "subjects: ['repo:acme@*/platform:ref:refs/heads/main']"),
        (GITHUB, "subjects: ['repo:acme/platform:**', '*:acme/**']"),
        ("https://gitlab.com", "subjects: ['project_path:*/platform:ref_type:branch:ref:main']"),
        ("https://agent.buildkite.com", "claims: {pipeline_slug: deploy}"),
        (GOOGLE, "subjects: ['*']"),
        (GOOGLE, "claims: {email_verified: true}"),
        ("https://slack.com", "allowed_domains: [acme.com]"),
        ("https://slack.com", "subjects: [U01ALICE]"),
    ],
)
def test_rule_that_admits_strangers_is_refused(tmp_path: Path, issuer: str, rules: str) -> None:
    found = problems(tmp_path, identity(issuer, rules))

    assert len(found) == 1
    assert "admit" in found[0]
    assert "strangers" in found[0]


@pytest.mark.parametrize(
    ("issuer", "rules"),
    [
        (GITHUB, "subjects: ['repo:acme/**']"),
        (GITHUB, "subjects: ['repo:acme@123456/platform@*:ref:refs/heads/main']"),
        (GITHUB, "subjects: ['**'], claims: {repository_owner_id: 123456}"),
        (GITHUB, "claims: {repository: [acme/platform, acme/web], ref_protected: true}"),
        ("https://gitlab.com", "allowed_domains: [acme.com]"),
        (GOOGLE, "subjects: ['113774264463038321964']"),
        (GOOGLE, "allowed_domains: [ACME.com]"),
        ("https://login.acme.com", "subjects: ['**']"),
    ],
)
def test_rule_that_names_the_organization_is_accepted(
    tmp_path: Path, issuer: str, rules: str
) -> None:
    config = load(tmp_path, identity(issuer, rules))

    assert not any("identity.oidc" in warning for warning in config.warnings)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.acme.com",
        "https://gitlab.acme.com",
        "https://oidc.circleci.com/org/0d2a7a4c-5c5c-4f4e-9d3c-2b1f0a9e8d7c",
        f"{GITHUB}/acme-enterprise",
        "https://login.microsoftonline.com/2f4a9c3e-6d1b-4b8e-9a7c-5e0d1c2b3a4f/v2.0",
    ],
)
def test_unrestricted_issuer_of_one_organization_is_a_warning(tmp_path: Path, issuer: str) -> None:
    job = load(tmp_path, identity(issuer, "audience: floe")).warnings
    person = load(tmp_path, sign_in(issuer, "groups_claim: groups"), S="secret").warnings

    assert f"identity.oidc admits every token of {issuer}: " in "\n".join(job)
    assert f"web.auth admits every user of {issuer}: " in "\n".join(person)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("subjects: []", "subjects: is empty: name at least one"),
        ("subjects: 'repo:acme/**'", "subjects: must be a list"),
        ("subjects: ['repo:acme**']", "subjects[0]: has ** before the last part"),
        ("subjects: ['']", "subjects[0]: must not be empty"),
        ("subjects: ", "subjects: has no value"),
        ("claims: {}", "claims: is empty: name at least one claim"),
        ("claims: {owner: []}", "claims.owner: is empty: name at least one value"),
        ("claims: {owner: ''}", "claims.owner: must be text, a whole number, true or false"),
        ("claims: {owner: 1.5}", "claims.owner: must be text, a whole number, true or false"),
        ("claims: {owner: {a: b}}", "claims.owner: must be text, a whole number, true or false"),
        ("claims: {owner: }", "claims.owner: must be text, a whole number, true or false"),
        ("allowed_domains: []", "allowed_domains: is empty: name at least one"),
        ("allowed_domains: ['@acme.com']", "allowed_domains[0]: must be the domain of an e-mail"),
        ("allowed_domains: ['*.acme.com']", "allowed_domains[0]: must be the domain of an e-mail"),
        ("groups_separator: ''", "groups_separator: must not be empty"),
    ],
)
def test_malformed_rule_is_refused(tmp_path: Path, rules: str, said: str) -> None:
    found = problems(tmp_path, identity("https://login.acme.com", rules))

    assert found[0].startswith(f"identity.oidc[0].{said}")


def test_rules_become_an_admission(tmp_path: Path) -> None:
    rules = "claims: {a: x, b: [1, true, 'no']}, allowed_domains: [ACME.com], groups_separator: ' '"

    (entry,) = load(tmp_path, identity("https://login.acme.com", rules)).identity.oidc

    assert entry.claims == {"a": ("x",), "b": (1, True, "no")}
    assert entry.allowed_domains == ("acme.com",)
    assert entry.groups_separator == " "


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "repo:acme/platform:ref:refs/heads/main",
            "matches no operator: a name with a colon begins with its source; write "
            '"oidc:https://login.acme.com#repo:acme/platform:ref:refs/heads/main"',
        ),
        ("oidc:https://login.acme.com", "matches no operator: write oidc:<issuer>#<subject>"),
        (
            "oidc:https://login.acme.com/#alice",
            "matches no operator: neither identity.oidc nor web.auth has the issuer "
            "https://login.acme.com/",
        ),
    ],
)
def test_name_that_matches_no_operator_is_refused(tmp_path: Path, name: str, said: str) -> None:
    environments = f"[{{name: prod, authorization: {{allowed_operators: ['{name}']}}}}]"
    people = f"identity: {{groups: {{admins: ['{name}']}}, oidc: [{{issuer: 'https://login.acme.com'}}]}}"

    found = problems(tmp_path, manifest(promotion=f"environments: {environments}", rest=people))

    rules = "artifacts.promotion.environments[0].authorization.allowed_operators[0]"
    assert found == [f"{rules}: {said}", f"identity.groups.admins[0]: {said}"]


@pytest.mark.parametrize(
    "name",
    [
        "alice@acme.com",
        "U01ALICE",
        "slack:T01/U01ALICE",
        "registry:harbor.example.com/alice",
        "os:alice",
        "proxy:alice@acme.com",
        "oidc:https://login.acme.com#repo:acme/platform:ref:refs/heads/main",
    ],
)
def test_a_name_with_its_source_is_accepted(tmp_path: Path, name: str) -> None:
    environments = f"[{{name: prod, authorization: {{allowed_operators: ['{name}']}}}}]"
    people = "identity: {oidc: [{issuer: 'https://login.acme.com'}]}"

    config = load(tmp_path, manifest(promotion=f"environments: {environments}", rest=people))

    rules = config.path.environment("prod").authorization
    assert rules is not None
    assert rules.allowed_operators is not None
    assert [*rules.allowed_operators] == [name]
