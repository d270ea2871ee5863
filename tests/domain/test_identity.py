"""Operators: one person with several names, verified by an identity source."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.changes.memberships import Memberships
from engine.domain.identity import Claims, Directory, UserCheck, os_claims, registry_claims
from engine.domain.operator import IdentitySource, Operator

CHECKED = UserCheck(verified=True)
DIRECTORY = Directory.of(
    aliases={"alice@acme.com": ("U01ALICE", "alice", "registry:harbor/al", "os:alice")},
    groups={"admins": ("alice",), "developers": ("bob@acme.com", "alice@acme.com")},
)


def oidc(name: str, *verified_names: str) -> Claims:
    return Claims(f"oidc:https://id.example#{name}", IdentitySource.OIDC, True, verified_names)


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize(
    "claims",
    [
        oidc("1", "alice@acme.com"),
        Claims("slack:T1/U01ALICE", IdentitySource.SLACK, True, ("U01ALICE",)),
        registry_claims("harbor", "alice", CHECKED),
        registry_claims("harbor", "al", CHECKED),
        os_claims("alice", trusted=True),
    ],
)
def test_all_names_of_a_person_resolve_to_the_same_operator(claims: Claims) -> None:
    operator = DIRECTORY.operator(claims)

    assert operator.name == "alice@acme.com"
    assert operator.groups == {"admins", "developers"}
    assert {"alice@acme.com", "U01ALICE", "alice", claims.id} <= operator.names


@pytest.mark.requirement("FR-045")
def test_unverified_operator_gets_no_alias() -> None:
    operator = DIRECTORY.operator(os_claims("alice", trusted=False))

    assert operator.name == operator.id == "os:alice"
    assert operator.names == {"os:alice"}
    assert operator.groups == frozenset()
    assert not operator.verified


def test_unverified_registry_user_is_not_the_person_of_that_name() -> None:
    claims = registry_claims("harbor", "alice", UserCheck(False, "it accepts any user name"))

    operator = DIRECTORY.operator(claims)

    assert operator.name == operator.id == "registry:harbor/alice"
    assert operator.names == {"registry:harbor/alice"}
    assert operator.groups == frozenset()
    assert (
        operator.doubt
        == "it accepts any user name. Sign in with floe login, or set FLOE_ID_TOKEN in CI"
    )


def test_advice_of_an_unverified_name_leads_to_a_place_that_works() -> None:
    claims = os_claims("alice", trusted=False, sign_in=False)

    assert "Ask in Slack or on the page" in claims.doubt
    assert "Sign in with floe login" not in claims.doubt


def test_groups_of_the_source_and_of_the_manifest_are_merged() -> None:
    claims = Claims("slack:T1/U2", IdentitySource.SLACK, True, ("bob@acme.com",), frozenset("x"))

    assert DIRECTORY.operator(claims).groups == {"x", "developers"}


def test_operator_without_verified_names_has_the_qualified_id() -> None:
    operator = DIRECTORY.operator(oidc("42"))

    assert operator.name == operator.id == "oidc:https://id.example#42"
    assert operator.groups == frozenset()


@pytest.mark.requirement("FR-045")
@pytest.mark.parametrize(
    "user",
    [
        "AWS",
        "aws",
        "oauth2accesstoken",
        "_json_key",
        "_json_key_base64",
        "<token>",
        "00000000-0000-0000-0000-000000000000",
        "gitlab-ci-token",
    ],
)
def test_shared_user_name_is_not_verified(user: str) -> None:
    claims = registry_claims("registry.example.com", user, CHECKED)

    assert (claims.verified, claims.verified_names) == (False, ())
    assert "a name that registry users share" in claims.doubt


def test_name_in_a_record_resolves_by_the_present_aliases() -> None:
    assert DIRECTORY.person("U01ALICE") == "alice@acme.com"
    assert DIRECTORY.person("os:alice") == "alice@acme.com"
    assert DIRECTORY.person("carol") == "carol"


def test_who_is_asked_again_is_the_newest_of_a_source_and_another_when_that_has_gone():
    directory = Directory.of({}, {})
    somebody = directory.operator(Claims("slack:T1/U1", IdentitySource.SLACK, True, ("U1",)))
    members = Memberships(lambda: directory)

    def by(name: str) -> Callable[[Operator], Operator]:
        return lambda operator: replace(operator, groups=frozenset({name}))

    with members.asking(IdentitySource.SLACK, by("first")):
        with members.asking(IdentitySource.SLACK, by("second")):
            newest = members.regroup(somebody).groups
        left = members.regroup(somebody).groups

    assert (newest, left) == ({"second"}, {"first"})
    assert members.regroup(somebody).groups == frozenset()
