"""Roles decide who promotes, approves and sees a product, where it has no lists of its own."""

from pathlib import Path

import pytest

from engine.bootstrap.identity import rights_of
from engine.config import Config
from engine.domain.policy_changes import compare_policies
from tests.checks.contexts import person
from tests.config import server_files
from tests.config.manifest_files import load, manifest, problems
from tests.config.server_files import write_product, write_server

PROMOTION = """
environments:
  - {name: dev, authorization: {separation_of_duties: true}}
  - {name: staging}
  - name: prod
    authorization: {allowed_groups: [admins]}
    approvals: {required: 1, groups: [managers]}
"""
SIGN_IN = 'web: {visibility: members, auth: {mode: proxy}, base_url: "https://floe.acme.com"}\n'


def roles(*entries: str) -> str:
    return "identity:\n  roles:\n" + "".join(f"  - {{{each}}}\n" for each in entries)


def configured(folder: Path, *entries: str, rest: str = "") -> Config:
    return load(folder, manifest(promotion=PROMOTION, rest=roles(*entries) + rest))


def served(folder: Path, *entries: str, rest: str = "") -> dict[str, Config]:
    """Load a server file with the products checkout and pay-eu."""
    path = write_server(folder, rest=roles(*entries) + rest)
    for name in ("checkout", "pay-eu"):
        write_product(folder, name)
    installation = server_files.load(path)
    assert not installation.broken
    return dict(installation.products)


def promoters(config: Config, name: str) -> tuple[list[str], list[str]] | None:
    rules = config.path.environment(name).authorization
    if rules is None or rules.allowed_groups is None or rules.allowed_operators is None:
        return None
    return sorted(rules.allowed_groups), sorted(rules.allowed_operators)


def approvers(config: Config, name: str) -> tuple[str, ...]:
    return config.path.environment(name).approvals.approvers


def test_operators_and_admins_promote_where_there_are_no_lists(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        "role: operator, groups: [sre], operators: [alice]",
        "role: admin, groups: [platform]",
        "role: approver, groups: [leads]",
        "role: viewer, groups: [staff]",
    )

    assert promoters(config, "dev") == (["platform", "sre"], ["alice"])
    assert promoters(config, "staging") == (["platform", "sre"], ["alice"])
    assert config.path.environment("dev").separation_of_duties
    prod = config.path.environment("prod").authorization
    assert prod is not None
    assert sorted(prod.allowed_groups or ()) == ["admins"]
    assert prod.allowed_operators is None


def test_approvers_and_admins_approve_where_there_are_no_groups(tmp_path: Path) -> None:
    config = configured(
        tmp_path, "role: approver, groups: [leads], operators: [bob]", "role: admin, groups: [ops]"
    )

    assert approvers(config, "staging") == ("bob", "leads", "ops")
    assert approvers(config, "prod") == ("managers",)


def test_roles_that_are_not_given_change_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path, "role: viewer, groups: [staff]")

    assert config.path == load(tmp_path, manifest(promotion=PROMOTION)).path


def test_empty_role_admits_no_one(tmp_path: Path) -> None:
    config = configured(tmp_path, "role: operator, groups: []")

    assert promoters(config, "staging") == ([], [])


def test_role_of_other_products_admits_no_one(tmp_path: Path) -> None:
    products = served(
        tmp_path, 'role: operator, products: ["pay-*"], groups: [pay]', "role: admin, groups: [ops]"
    )

    assert promoters(products["pay-eu"], "prod") == (["ops", "pay"], [])
    assert promoters(products["checkout"], "prod") == (["ops"], [])


def test_pattern_without_a_product_is_a_warning(tmp_path: Path) -> None:
    path = write_server(tmp_path, rest=roles('role: viewer, products: ["chekout"], groups: [a]'))
    write_product(tmp_path, "checkout")

    assert (
        f"{path}: no product matches chekout of identity.roles" in server_files.load(path).warnings
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("role: viewer", "identity.roles[0]: names no one: add groups or operators"),
        (
            "role: viewer, products: [a], groups: [x]",
            "identity.roles[0].products: is for server files (kind: Server): leave it out",
        ),
        (
            "role: viewer, products: [A b], groups: [x]",
            "identity.roles[0].products[0]: must be the name of a product, in which * is any text",
        ),
        (
            'role: viewer, operators: ["oidc:https://x.example#a"]',
            "identity.roles[0].operators[0]: matches no operator: neither identity.oidc nor "
            "web.auth has the issuer https://x.example",
        ),
        ("role: owner, groups: [a]", "identity.roles[0].role: "),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entry: str, problem: str) -> None:
    found = problems(tmp_path, manifest(rest=roles(entry)))

    assert any(each.startswith(problem) for each in found), found


def test_empty_list_of_roles_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, manifest(rest="identity: {roles: []}\n"))

    assert found.startswith("identity.roles: ")


def test_members_need_sign_in(tmp_path: Path) -> None:
    assert problems(tmp_path, manifest(rest="web: {visibility: members}\n")) == [
        "web.visibility: needs sign-in: set web.auth"
    ]


def test_viewers_of_one_product_do_not_see_another(tmp_path: Path) -> None:
    products = served(
        tmp_path,
        "role: viewer, products: [checkout], operators: [vera]",
        'role: operator, products: ["pay-*"], operators: [olaf]',
        "role: admin, operators: [ada]",
        rest=SIGN_IN,
    )
    seen = {
        name: [
            who
            for who in ("vera", "olaf", "ada", "stranger")
            if rights_of(config, served=True).may_view(person(who))
        ]
        for name, config in products.items()
    }

    assert seen == {"checkout": ["vera", "ada"], "pay-eu": ["olaf", "ada"]}


def test_people_in_the_lists_of_an_environment_see_the_product(tmp_path: Path) -> None:
    config = load(tmp_path, manifest(promotion=PROMOTION, rest=SIGN_IN))
    rights = rights_of(config, served=True)

    assert rights.may_view(person("mia", "managers"))
    assert rights.may_view(person("ann", "admins"))
    assert not rights.may_view(person("eve"))
    assert not rights.may_view(person("ann", "admins", verified=False))


def test_everybody_sees_a_product_by_default(tmp_path: Path) -> None:
    rights = rights_of(configured(tmp_path, "role: viewer, groups: [staff]"), served=True)

    assert rights.may_view(person("eve"))


def test_admin_locks_and_operates(tmp_path: Path) -> None:
    rights = rights_of(configured(tmp_path, "role: admin, groups: [ops]"), served=True)

    for may in (rights.may_lock, rights.may_operate):
        assert may(person("ada", "ops"))
        assert not may(person("ops"))
        assert not may(person("ada", "ops", verified=False))
    assert rights.lists_operators


def test_viewer_signs_in_and_is_no_operator(tmp_path: Path) -> None:
    rights = rights_of(configured(tmp_path, "role: viewer, groups: [staff]"), served=True)
    viewer = person("vera", "staff")

    assert rights.knows(viewer)
    assert "staff" in rights.groups
    assert not rights.may_act(viewer)


def test_new_member_of_a_role_is_looser(tmp_path: Path) -> None:
    before = configured(tmp_path, "role: approver, groups: [leads]")
    after = configured(tmp_path, "role: approver, groups: [leads], operators: [bob]")

    assert before.environment_digest("staging") != after.environment_digest("staging")
    assert [
        (str(each.kind), each.environment, each.rule)
        for each in compare_policies(before.policy, after.policy)
    ] == [
        ("looser", "dev", "approvals.operators"),
        ("looser", "staging", "approvals.operators"),
        ("looser", None, "identity.roles.approver.operators"),
    ]


def test_first_roles_are_compared_with_those_who_decided_before(tmp_path: Path) -> None:
    before = load(tmp_path, manifest(promotion=PROMOTION))
    after = configured(tmp_path, "role: operator, groups: [sre]", "role: approver, groups: [leads]")

    found = compare_policies(before.policy, after.policy)

    assert [(str(each.kind), each.environment, each.rule) for each in found] == [
        ("stricter", "dev", "authorization"),
        ("stricter", "dev", "approvals.groups"),
        ("stricter", "staging", "authorization"),
        ("stricter", "staging", "approvals.groups"),
        ("other", None, "identity.roles.operator"),
        ("other", None, "identity.roles.approver"),
    ]


def test_document_contains_the_roles_of_its_product(tmp_path: Path) -> None:
    products = served(tmp_path, 'role: approver, products: ["pay-*"], operators: [Bob]')

    pay, checkout = products["pay-eu"].policy, products["checkout"].policy
    assert pay.rules["identity"]["roles"] == {"approver": {"groups": [], "operators": ["bob"]}}
    assert checkout.rules["identity"]["roles"] == {"approver": {"groups": [], "operators": []}}
    prod = pay.environment("prod")
    assert prod is not None
    assert prod.approvals.approvers == ("bob",)
