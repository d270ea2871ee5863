"""Rights beyond the rules of one environment, and operators of a server."""

from pathlib import Path

import pytest

from engine.checks.approval import approver_via
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.errors import AuthorizationError
from engine.domain.identity import Claims, Directory
from engine.domain.operator import IdentitySource, Operator
from engine.domain.rights import Rights
from tests.conftest import Place
from tests.scenarios.engines import ALICE, BOB, engine_on, path_of, person, promote
from tests.scenarios.verbs import artifact

pytestmark = pytest.mark.requirement("FR-046")


def recognized(name: str, source: IdentitySource) -> Operator:
    return Directory().operator(Claims(name, source, True))


def test_group_is_not_the_person_with_the_same_address() -> None:
    rights = Rights.of((), people=(), lockers=["alice@acme.com"], operators=["alice@acme.com"])
    impostor = person("eve@acme.com", "alice@acme.com")

    assert not rights.may_lock(impostor)
    assert not rights.may_operate(impostor)
    assert not rights.knows(impostor)


@pytest.mark.parametrize(
    ("operator", "known"),
    [
        (person("alice@acme.com"), True),
        (person("sre@acme.com", "sre"), True),
        (person("eve@acme.com"), False),
        (person("eve@acme.com", "sre", verified=False), False),
        (recognized("slack:T01/U01", IdentitySource.SLACK), True),
        (recognized("proxy:eve", IdentitySource.PROXY), True),
        (recognized("oidc:https://a.example#eve", IdentitySource.OIDC), True),
        (recognized("oidc:https://a.examples#eve", IdentitySource.OIDC), False),
    ],
)
def test_server_admits_named_operators_without_authorization(
    place: Place, tmp_path: Path, operator: Operator, known: bool
) -> None:
    place.push(artifact("v1.0.0"), "v1.0.0-dev")
    prod = Environment("prod", authorization=Authorization(frozenset({"sre"})))
    path = path_of("dev", "staging", prod)
    rights = Rights.of(
        path.environments, people=["alice@acme.com"], issuers=["https://a.example"], served=True
    )

    with engine_on(place.registry, tmp_path, path, rights=rights) as engine:
        result = promote(engine, "v1.0.0", "staging", operator)

    assert (result.error is None) is known
    if not known:
        assert isinstance(result.error, AuthorizationError)
        assert "Required groups" not in str(result.error)


def test_server_lets_no_stranger_approve_without_authorization() -> None:
    target = Environment("staging", approvals=Approvals(required=1))
    served = Rights.of([target], people=["alice@acme.com"], served=True)

    assert approver_via(ALICE, target, served) == "any verified operator"
    assert approver_via(BOB, target, served) == ""
    assert approver_via(BOB, target, Rights()) == "any verified operator"
