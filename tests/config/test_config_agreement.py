"""Values of the manifest that contradict each other."""

from pathlib import Path

import pytest

from tests.config.manifest_files import load, manifest, problems

FIRST = "artifacts.promotion.environments[0]"
QUIET = "slack: {notify: {quiet_hours: {from: '%s', to: '%s', zone: %s}}}"


def environment(extra: str) -> str:
    return manifest(promotion=f"environments: [{{name: prod, {extra}}}]")


@pytest.mark.requirement("FR-001a")
@pytest.mark.parametrize(
    "name", ["Prod", "pre_prod", "pre.prod", "-prod", "prod-", "", "latest", "none", "äöü"]
)
def test_environment_names_that_are_ambiguous_in_tags_are_refused(
    tmp_path: Path, name: str
) -> None:
    (found,) = problems(tmp_path, manifest(promotion=f"environments: [{{name: '{name}'}}]"))

    assert found.startswith(f"{FIRST}.name: ")


@pytest.mark.parametrize("name", ["prod-rollback-1", "rollback-12"])
def test_an_environment_is_not_named_like_a_rollback(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, manifest(promotion=f"environments: [{{name: {name}}}]"))

    assert found == f"{FIRST}.name: '{name}' is reserved in tags: choose another name"


def test_similar_names_are_allowed_and_equal_ones_are_not(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        manifest(promotion="environments: [{name: pre-prod}, {name: prod}, {name: eu-rollback}]"),
    )
    assert config.path.names == ("pre-prod", "prod", "eu-rollback")

    (found,) = problems(
        tmp_path, manifest(promotion="environments: [{name: prod}, {name: dev}, {name: prod}]")
    )
    assert found == (
        "artifacts.promotion.environments[2].name: there already is an environment named prod"
    )


def test_a_path_needs_an_environment(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, manifest(promotion="environments: []"))

    assert found == "artifacts.promotion.environments: is empty: name at least one"


@pytest.mark.requirement("FR-046")
def test_authorization_with_two_empty_lists_is_refused(tmp_path: Path) -> None:
    text = environment("authorization: {allowed_groups: [], allowed_operators: []}")

    (found,) = problems(tmp_path, text)

    assert found == (
        f"{FIRST}.authorization: admits no operator: both lists are []; name one, or lock the "
        "environment"
    )


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("approvals: {groups: [a]}", "approvals.groups: has no effect while required is 0"),
        ("approvals: {rollback: true}", "approvals.rollback: has no effect while required is 0"),
        ("approvals: {required: 1, groups: []}", "approvals.groups: is [], so no one can"),
        ("approvals: {required: -1}", "approvals.required: must be at least 0"),
        ("approvals: {required: true}", "approvals.required: must be a whole number"),
        (
            "approvals: {required: 1}, authorization: {allowed_operators: [alice@acme.com]}",
            "approvals.required: can never be met: a change needs its requester and 1 others",
        ),
        (
            "approvals: {required: 1}, authorization: {allowed_operators: [alice, Alice]}",
            "approvals.required: can never be met: a change needs its requester and 1 others",
        ),
        ("approvals: {required: 1, expires_after: 4}", "approvals.expires_after: must be a num"),
        ("approvals: {required: 1, expires_after: 4w}", "approvals.expires_after: must be a num"),
        ("approvals: {required: 1, expires_after: 91d}", "approvals.expires_after: must be at mo"),
        ("lock: {locked: true, reason: x}", "lock.locked_by: is missing"),
        ("lock: {locked: true, locked_by: x}", "lock.reason: is missing"),
        (
            "lock: {locked: true, reason: x, locked_by: y, locked_at: 2026-01-01}",
            "lock.locked_at: ",
        ),
        (
            "lock: {locked: true, reason: x, locked_by: y, locked_at: 0001-01-01T00:00:00+23:59}",
            "lock.locked_at: lies outside the years 1 to 9999 in UTC",
        ),
    ],
)
def test_contradictory_rules_are_refused(tmp_path: Path, extra: str, said: str) -> None:
    (found,) = problems(tmp_path, environment(extra))

    assert found.startswith(f"{FIRST}.{said}")


def test_approvals_may_be_met_by_groups_or_by_enough_operators(tmp_path: Path) -> None:
    for extra in (
        "approvals: {required: 1}",
        "approvals: {required: 1}, authorization: {allowed_operators: [a, b]}",
        "approvals: {required: 1, groups: [g]}, authorization: {allowed_operators: [a]}",
        "approvals: {required: 1}, authorization: {allowed_operators: [a], allowed_groups: [g]}",
    ):
        assert load(tmp_path, environment(extra)).path.entry.approvals.required == 1


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize(
    ("verification", "said"),
    [
        ("{}", ": has nothing to verify with: name public_keys or trusted_issuers"),
        ("{enforcement: warn}", ": has nothing to verify with"),
        ("{enforcement: off, environments: {prod: {enforcement: enforce}}}", ": has nothing to"),
        (
            "{enforcement: off, environments: {prd: {enforcement: off}}}",
            ".environments.prd: there is no such environment; did you mean prod?",
        ),
        ("{public_keys: [none.pub]}", ".public_keys[0]: "),
        ("{public_keys: [empty.pub]}", ".public_keys[0]: "),
        ("{public_keys: [key.pub], trusted_root: none.json}", ".trusted_root: "),
        ("{public_keys: [key.pub], enforcement: maybe}", ".enforcement: must be 'off', 'warn' or"),
        (
            "{trusted_issuers: [{issuer: 'https://i.example', subject_regex: '(a'}]}",
            ".trusted_issuers[0].subject_regex: is not a regular expression: missing )",
        ),
        (
            "{trusted_issuers: [{issuer: 'http://i.example', subject_regex: a}]}",
            ".trusted_issuers[0].issuer: must be https",
        ),
        (
            "{trusted_issuers: [{issuer: 'https://i.example'}]}",
            ".trusted_issuers[0].subject_regex: is missing",
        ),
    ],
)
def test_verification_without_keys_and_issuers_is_refused(
    tmp_path: Path, verification: str, said: str
) -> None:
    (tmp_path / "key.pub").write_text("key")
    (tmp_path / "empty.pub").write_text("\n")
    text = manifest(registry=f"{{uri: oci-layout:r, verification: {verification}}}")

    (found,) = problems(tmp_path, text)

    assert found.startswith(f"artifacts.registry.verification{said}")


def test_verification_that_is_off_everywhere_needs_no_key(tmp_path: Path) -> None:
    registry = "{uri: oci-layout:r, verification: {enforcement: off}}"

    config = load(tmp_path, manifest(registry=registry))

    assert config.warnings == ("signatures are not verified for: dev, staging, prod",)


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (
            "aliases: {a@x.com: [al], b@x.com: [al]}",
            "aliases.b@x.com[0]: al already is another name of a@x.com",
        ),
        (
            "aliases: {a@x.com: [b@x.com], b@x.com: [bo]}",
            "aliases.a@x.com[0]: b@x.com is a person of their own in this list",
        ),
        (
            "aliases: {a@x.com: [al], b@x.com: [AL]}",
            "aliases.b@x.com[0]: AL already is another name of a@x.com",
        ),
        (
            "aliases: {a@x.com: [B@x.com], b@x.com: [bo]}",
            "aliases.a@x.com[0]: B@x.com (b@x.com) is a person of their own in this list",
        ),
        (
            "aliases: {a@x.com: [al], A@x.com: [ali]}",
            "aliases.A@x.com: A@x.com and a@x.com are one name, as case does not count: merge",
        ),
        (
            "groups: {Admins: [alice], admins: [bob]}",
            "groups.admins: admins and Admins are one name, as case does not count: merge",
        ),
        ("groups: {admins: [no, 5]}", "groups.admins[1]: must be text: put it in quotes"),
        ("groups: {admins: alice}", "groups.admins: must be a list"),
        ("oidc: [{issuer: 'http://i.example'}]", "oidc[0].issuer: must be https"),
        ("registry_users: {verified: 'yes'}", "registry_users.verified: must be true or false"),
        (
            "registry_users: {verified: true}",
            "registry_users.verified: has no effect: the embedded registry",
        ),
        ("trust_os_user: 'yes'", "trust_os_user: must be true or false"),
    ],
)
def test_ambiguous_aliases_are_refused(tmp_path: Path, identity: str, said: str) -> None:
    (found,) = problems(tmp_path, manifest(rest=f"identity: {{{identity}}}"))

    assert found.startswith(f"identity.{said}")


def test_trust_os_user_needs_the_embedded_registry(
    tmp_path: Path,
) -> None:
    trusting = "identity: {trust_os_user: true}"
    assert load(tmp_path, manifest(rest=trusting)).identity.trust_os_user is True

    for uri in ("oci://localhost:5000/a", "oci://h.example/a"):
        (found,) = problems(tmp_path, manifest(registry=f"uri: {uri}", rest=trusting))
        assert found.startswith("identity.trust_os_user: is for the embedded registry")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slack: {commands: {lock: /promote, promote: /promote}}", "slack.commands.promote: "),
        ("slack: {commands: {lock: lock}}", "slack.commands.lock: must match"),
        ("slack: {notify: {approvers: dms}}", "slack.notify.approvers: must be 'channel', 'dm'"),
        (QUIET % ("8pm", "08:00", "UTC"), "slack.notify.quiet_hours.from: must be a time of"),
        (
            QUIET % ("20:00", "08:00", "Berlin"),
            "slack.notify.quiet_hours.zone: names an unknown time zone",
        ),
        (QUIET % ("08:00", "08:00", "UTC"), "slack.notify.quiet_hours: from and to are the"),
        ("web: {auth: {mode: basic}}", "web.auth: must be one of 'none', 'proxy', 'oidc'"),
        ("web: {auth: {mode: proxy, trusted_proxies: []}}", "web.auth.trusted_proxies: is empty"),
        ("web: {base_url: floe.acme.com}", "web.base_url: must be a URL that starts with"),
        (
            "web: {auth: {mode: oidc, issuer: 'https://i.example', client_id: f, "
            "client_secret_env: S}}",
            "web.base_url: is missing",
        ),
        (
            "web: {base_url: 'https://f.example', auth: {mode: oidc, issuer: 'https://i.example', "
            "client_id: f}}",
            "web.auth: needs either client_secret_env or client_secret",
        ),
    ],
)
def test_slack_and_web_settings_that_cannot_work_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    (found,) = problems(tmp_path, manifest(rest=text), S="secret")

    assert found.startswith(said)


@pytest.mark.requirement("FR-025")
@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ("{backend: s3}", ".url: is missing"),
        ("{backend: s3, url: 'http://x'}", ".url: must start with s3://, gs://, az:// or file://"),
        ("{backend: database}", ": needs either path (a SQLite file) or url"),
        ("{backend: database, path: a, url: b}", ": needs either path (a SQLite file) or url"),
        ("{backend: oci, url: x}", ".url: unknown; known: backend"),
        ("{}", ".backend: is missing"),
        ("{backend: [oci]}", ".backend: must be text"),
    ],
)
def test_incomplete_audit_backend_is_refused(tmp_path: Path, audit: str, said: str) -> None:
    (found,) = problems(tmp_path, manifest(promotion=f"audit: {audit}"))

    assert found.startswith(f"artifacts.promotion.audit{said}")


def test_policies_with_equal_names_are_refused(tmp_path: Path) -> None:
    promotion = "policies: [{name: a, rule: 'true'}, {name: a, rule: 'false'}]"

    (found,) = problems(tmp_path, manifest(promotion=promotion))

    assert found == "artifacts.promotion.policies[1].name: there already is a policy named a"
