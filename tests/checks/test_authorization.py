"""Only authorized operators may change an environment; lockers may lock, holders unlock."""

import pytest

from engine.checks.authorization import (
    authorization,
    granted_via,
    why_unverified,
)
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.finding import Outcome
from engine.domain.identity import Claims, Directory, os_claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.path import PromotionPath
from engine.domain.request import (
    PromotionRequest,
    Request,
    RestoreRequest,
    RollbackRequest,
)
from engine.domain.rights import Rights
from tests.checks.contexts import (
    ALICE,
    BOB,
    REASON,
    TRACE,
    V1,
    judge_once,
    known_by_id,
    person,
)
from tests.scenarios.engines import path_of

ADMINS = Authorization(frozenset({"admins"}))
ADMIN = person("ada", "admins", "dev")
STRANGER = person("alice", verified=False)


def to_prod(rules: Authorization | None, approvals: Approvals | None = None) -> PromotionPath:
    prod = Environment("prod", authorization=rules, approvals=approvals or Approvals())
    return path_of("dev", "staging", prod)


def promotion(operator: Operator) -> PromotionRequest:
    return PromotionRequest(V1, "staging", "prod", operator, TRACE)


@pytest.mark.requirement("FR-046")
@pytest.mark.requirement("FR-047")
@pytest.mark.requirement("FR-048")
@pytest.mark.parametrize(
    ("rules", "operator", "via"),
    [
        (Authorization(), ALICE, "any verified operator"),
        (Authorization(), STRANGER, ""),
        (ADMINS, ADMIN, "group admins"),
        (ADMINS, ALICE, ""),
        (ADMINS, person("ada", "admins", verified=False), ""),
        (Authorization(frozenset({"admins", "dev"})), ADMIN, "group admins"),
        (Authorization(None, frozenset({"alice"})), ALICE, "operator alice"),
        (Authorization(None, frozenset({"alice"})), BOB, ""),
        (Authorization(frozenset({"admins"}), frozenset({"alice"})), ALICE, "operator alice"),
        (Authorization(frozenset({"admins"}), frozenset({"alice"})), BOB, ""),
        (Authorization(frozenset(), None), ADMIN, ""),
        (Authorization(None, frozenset()), ADMIN, ""),
        (None, STRANGER, "prod requires no authorization"),
    ],
)
def test_authorization_admits_by_group_or_name(
    rules: Authorization | None, operator: Operator, via: str
) -> None:
    found = judge_once(authorization, promotion(operator), to_prod(rules))

    assert found.outcome is (Outcome.PASSED if via else Outcome.BLOCKED)
    assert found.error is (None if via else AuthorizationError)
    assert found.reason == via or found.blocks


@pytest.mark.parametrize(
    ("operator", "approvals", "rights", "via"),
    [
        (ALICE, 0, Rights(), "prod requires no authorization"),
        (ALICE, 1, Rights(), "any verified operator"),
        (STRANGER, 1, Rights(), ""),
        (ALICE, 0, Rights(served=True), ""),
        (ALICE, 0, Rights.of((), people=["alice"], served=True), "prod requires no authorization"),
    ],
)
def test_environment_without_authorization_admits_known_operators(
    operator: Operator, approvals: int, rights: Rights, via: str
) -> None:
    prod = Environment("prod", approvals=Approvals(required=approvals))

    assert granted_via(operator, prod, rights) == via


@pytest.mark.requirement("FR-049")
@pytest.mark.parametrize(
    ("rules", "operator", "why"),
    [
        (
            ADMINS,
            person("alice", "ops", "dev"),
            "Required groups: [admins]. Your groups: [dev, ops]. To admit this operator in "
            'manifest.yaml, add "alice" to identity.groups.admins; or add "alice" to '
            "identity.aliases, if it is another name of a member; or write allowed_operators: "
            "[\"alice\"] under authorization of 'prod'.",
        ),
        (
            Authorization(None, frozenset({"bob"})),
            ALICE,
            "Required groups: []. Your groups: []. Allowed operators: [bob]. To admit this "
            'operator in manifest.yaml, add "alice" to identity.aliases, if it is another name of '
            'bob; or write allowed_operators: ["bob", "alice"] under authorization of \'prod\'.',
        ),
        (
            ADMINS,
            STRANGER,
            "Required groups: [admins]. Your groups: []. The identity 'registry:r.example/alice' "
            "is not verified: no identity source confirms it. Sign in with floe login, or set "
            "FLOE_ID_TOKEN in CI.",
        ),
        (
            Authorization(),
            STRANGER,
            "The identity 'registry:r.example/alice' is not verified: no identity source confirms "
            "it. Sign in with floe login, or set FLOE_ID_TOKEN in CI.",
        ),
    ],
)
def test_refusal_says_who_is_admitted_and_how_to_be(
    rules: Authorization, operator: Operator, why: str
) -> None:
    found = judge_once(authorization, promotion(operator), to_prod(rules))

    assert found.reason == (
        f"Unauthorized: Operator '{operator.name}' is not authorized to promote to 'prod'. {why}"
    )
    assert found.details == {
        "operator": operator.name,
        "required_groups": sorted(rules.allowed_groups or ()),
        "allowed_operators": sorted(rules.allowed_operators or ()),
        "groups": sorted(operator.groups),
        "verified": operator.verified,
    }


@pytest.mark.requirement("FR-047")
@pytest.mark.parametrize("listed", ["alice@acme.com", "alice", "U01ALICE"])
def test_any_listed_alias_admits_the_person(listed: str) -> None:
    directory = Directory.of({"alice@acme.com": ("alice", "U01ALICE")}, {})
    claims = Claims("slack:T1/U01ALICE", IdentitySource.SLACK, True, ("U01ALICE",))
    rules = Authorization(None, frozenset({listed}))

    found = judge_once(authorization, promotion(directory.operator(claims)), to_prod(rules))

    assert found.reason == "operator alice@acme.com"


@pytest.mark.requirement("FR-045")
def test_unverified_user_is_not_the_listed_person_of_that_name() -> None:
    directory = Directory.of({"alice@acme.com": ("alice", "os:alice")}, {"admins": ("alice",)})
    operator = directory.operator(os_claims("alice", trusted=False))
    rules = Authorization(frozenset({"admins"}), frozenset({"alice", "os:alice"}))

    assert judge_once(authorization, promotion(operator), to_prod(rules)).blocks


@pytest.mark.requirement("FR-045")
def test_unverified_operator_cannot_request_where_approval_is_required() -> None:
    path = to_prod(None, Approvals(required=1))

    found = judge_once(authorization, promotion(STRANGER), path)

    assert found.reason.endswith(
        "The identity 'registry:r.example/alice' is not verified: no identity source confirms it. "
        "Sign in with floe login, or set FLOE_ID_TOKEN in CI."
    )


@pytest.mark.requirement("FR-046")
@pytest.mark.parametrize(
    ("operator", "known"),
    [
        (ALICE, True),
        (person("sre@acme.com", "sre"), True),
        (BOB, False),
        (person("bob", "sre", verified=False), False),
        (known_by_id("slack:T01/U01", verified=True), True),
        (known_by_id("proxy:eve", verified=True), True),
        (known_by_id("oidc:https://a.example#eve", verified=True), True),
        (known_by_id("oidc:https://a.examples#eve", verified=True), False),
    ],
)
def test_server_admits_operators_that_its_manifest_knows(operator: Operator, known: bool) -> None:
    guarded = Environment("production", authorization=Authorization(frozenset({"sre"})))
    rights = Rights.of([guarded], people=["alice"], issuers=["https://a.example"], served=True)

    found = judge_once(authorization, promotion(operator), to_prod(None), rights=rights)

    assert found.blocks is not known


def test_stranger_of_a_server_is_asked_to_join_a_group() -> None:
    rights = Rights(served=True)

    found = judge_once(authorization, promotion(ALICE), to_prod(None), rights=rights)

    assert found.reason.endswith(
        "'prod' has no authorization, and no rule of manifest.yaml names you. Ask to be added to "
        "a group under identity.groups."
    )


@pytest.mark.parametrize(
    ("request_", "verb"),
    [
        (promotion(BOB), "promote to"),
        (RollbackRequest(V1, "prod", BOB, TRACE, REASON), "roll back"),
        (RestoreRequest("prod", BOB, TRACE), "restore"),
    ],
)
def test_refusal_names_the_verb(request_: Request, verb: str) -> None:
    found = judge_once(authorization, request_, to_prod(ADMINS))

    assert found.reason.startswith(
        f"Unauthorized: Operator 'bob' is not authorized to {verb} 'prod'. "
    )


def test_doubt_of_the_identity_source_explains_an_unverified_operator() -> None:
    assert why_unverified(person("alice", verified=False, doubt="a shared name")) == "a shared name"
